//go:build unix

package devdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// majorOf reads which version made the data; 0 is no data.
func majorOf(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// makeData makes the data under another name first: what a killed start leaves half made is not taken for data.
func (s *Server) makeData(ctx context.Context) error {
	half := s.home.data() + ".init"
	if err := removeAll(half); err != nil {
		return err
	}
	if !s.opts.Throwaway || s.copyCached(ctx, half) != nil {
		if err := s.initdb(ctx, half, "--no-sync"); err != nil {
			return err
		}
	}
	return os.Rename(half, s.home.data())
}

func (s *Server) initdb(ctx context.Context, data string, more ...string) error {
	if err := s.owner.mkdir(data); err != nil {
		return err
	}
	args := append(initdbArgs(), "-D", data)
	_, err := output(ctx, s.owner.command(filepath.Join(s.found.bin, "initdb"), append(args, more...)...))
	return err
}

func initdbArgs() []string {
	return append([]string{"-U", "postgres", "-E", "UTF8", "--auth=trust"}, localeArgs...)
}

// copyCached copies data that initdb made once for all throw-away servers: 0.1 s of work in the place of 0.8 s. After
// an error nothing is left there: a cache is a convenience, and initdb works without one.
func (s *Server) copyCached(ctx context.Context, data string) error {
	cached, err := s.cachedData(ctx)
	if err != nil {
		return err
	}
	if _, err := output(ctx, exec.Command("cp", "-Rp", cached, data)); err != nil {
		return errors.Join(err, removeAll(data))
	}
	return nil
}

// cachedData returns the folder of that data. It is synced, unlike others: half a file after a power failure would
// break each later server.
func (s *Server) cachedData(ctx context.Context) (string, error) {
	cache := s.opts.finder.cache
	key := fmt.Sprint(s.found, s.owner.uid, initdbArgs())
	home := filepath.Join(cache, "data-"+shortHash(key))
	if _, err := os.Stat(home); err == nil {
		return home, nil
	}
	tmp, err := makeTemp(cache)
	if err != nil {
		return "", err
	}
	defer removeAll(tmp)
	made := filepath.Join(tmp, "data")
	if err := s.initdb(ctx, made); err != nil {
		return "", err
	}
	return home, moveTo(made, home)
}

// makeTemp makes a folder in the cache that the server's user can pass through.
func makeTemp(cache string) (string, error) {
	if err := makeMissing(cache); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(cache, "new-")
	if err != nil {
		return "", err
	}
	return tmp, os.Chmod(tmp, folderMode())
}

// moveTo gives a folder its final name. Another starter may have been faster: the same is there then.
func moveTo(made, home string) error {
	err := os.Rename(made, home)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
