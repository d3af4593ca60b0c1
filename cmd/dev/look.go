//go:build unix

package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// files are what the program is made of, and its settings, each with what changes when it is written.
type files map[string]state

type state struct {
	size    int64
	changed time.Time
}

var (
	watched = regexp.MustCompile(`(\.(go|mod|sum|sql|html|css|js|txt)|^\.env)$`)
	passed  = regexp.MustCompile(`^(\..+|bin|node_modules|testdata)$`) // folders
)

// look reads the files' times. It asks, and is not told: a few hundred files take some milliseconds, and notifications
// differ from system to system, and come not at all over some file systems of virtual machines and containers.
func look(root string) (files, error) {
	found := files{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path != root: // it goes while it is looked at
			return nil
		case err != nil:
			return err
		case entry.IsDir() && path != root && (passed.MatchString(entry.Name()) || isModule(path)):
			return fs.SkipDir
		case !watched.MatchString(entry.Name()) || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			found[path] = state{info.Size(), info.ModTime()}
		}
		return nil
	})
	return found, err
}

// isModule: a module within the module is no part of the program.
func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

// differs names a file that is not as it was, or is new or gone; "" if there is none.
func (f files) differs(now files) string {
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if was, known := f[name]; !known || was.size != now[name].size || !was.changed.Equal(now[name].changed) {
			return name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if _, left := now[name]; !left {
			return name
		}
	}
	return ""
}
