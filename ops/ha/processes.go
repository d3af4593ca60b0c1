package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/transcription-api/internal/devdb"
)

// part is one running program of the cluster.
type part struct {
	*devdb.Process
	name string
	log  string // the file with its output
}

// launch starts a program in a folder of its own, below the cluster's, in which its log lies. It ends when this
// program dies.
func (c *Cluster) launch(name string, env []string, program string, args ...string) (*part, error) {
	dir := c.path(name)
	if err := c.owner.mkdir(dir); err != nil && !os.IsExist(err) {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := c.owner.command(program, args...)
	cmd.Dir = dir // by it killIn finds the process, and all that it has started
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = log, log
	process, err := devdb.StartProcess(cmd, syscall.SIGTERM)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	started := &part{process, name, log.Name()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts = append(c.parts, started)
	return started, nil
}

// await asks until the answer is nil, for as long as the program lives and the limit allows.
func (p *part) await(ctx context.Context, what string, limit time.Duration, ask func() error) error {
	for end := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-p.Done():
			return fmt.Errorf("%s ended with status %d before it was %s; its log ends with: %s", p.name, p.ExitCode(), what, p.lastLine())
		case <-ctx.Done():
			return context.Cause(ctx)
		default:
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s is not %s after %v: %w; its log ends with: %s", p.name, what, limit, err, p.lastLine())
		}
	}
}

// lastLine keeps an error on one line.
func (p *part) lastLine() string {
	file, err := os.Open(p.log)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > 2000 {
		_, _ = file.Seek(-2000, io.SeekEnd)
	}
	text, _ := io.ReadAll(file)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// killIn ends, as a power cut would, every process that works in a folder or below it. PostgreSQL is no child of
// Patroni's, and outlives it; but it works in its data. It returns when none is left.
func killIn(dir string) {
	for len(killOnce(dir)) > 0 {
		time.Sleep(5 * time.Millisecond)
	}
}

func killOnce(dir string) (killed []int) {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		cwd, err := os.Readlink(link)
		if err != nil || (cwd != dir && !strings.HasPrefix(cwd, dir+"/")) {
			continue // it has ended meanwhile, or is another user's, or a zombie
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		if pid != os.Getpid() && syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed = append(killed, pid)
		}
	}
	return killed
}
