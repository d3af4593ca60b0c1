package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// cleanTree lists the files that git knows. All must be committed, so that git
// can show, and take back, what is changed now.
func cleanTree(ctx context.Context, root string) ([]string, error) {
	status, err := git(ctx, root, "status", "--porcelain")
	if err != nil {
		return nil, err
	}
	if status != "" {
		return nil, errors.New("there are changes that are not committed: commit or stash them first")
	}
	list, err := git(ctx, root, "ls-files", "-z")
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(list, "\x00"), "\x00"), nil
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	out, err := child(ctx, root, "git", args...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		line, _, _ := strings.Cut(string(exit.Stderr), "\n")
		return "", fmt.Errorf("git %s: %s", args[0], line)
	}
	return string(out), err
}

// child is a command that Ctrl-C reaches through ctx alone: in this program's
// process group it could have ended by the signal before ctx does, and look as
// if it had failed of itself.
func child(ctx context.Context, folder, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // which make tells its children
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// change is one file's; before is nil where it is new, after where it goes.
type change struct {
	path          string
	before, after []byte
	mode          fs.FileMode // afterwards; 0: as before, or that of a plain file
	was           fs.FileMode // before: apply notes it for takeBack
}

// plan works out every change before the first is made.
func plan(root string, files []string, edit func(name string, data []byte) ([]byte, error)) ([]change, error) {
	var changes []change
	for _, name := range files {
		path := filepath.Join(root, name)
		if info, err := os.Lstat(path); err != nil {
			return nil, err
		} else if !info.Mode().IsRegular() {
			continue
		}
		before, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		after, err := edit(filepath.ToSlash(name), before)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if after == nil || !bytes.Equal(before, after) {
			changes = append(changes, change{path: path, before: before, after: after})
		}
	}
	return changes, nil
}

// apply makes all changes. If one fails, those before it are taken back.
func apply(changes []change) error {
	for i := range changes {
		c := &changes[i]
		if info, err := os.Lstat(c.path); err == nil {
			c.was = info.Mode().Perm()
		}
		if err := put(c.path, c.after, c.mode); err != nil {
			return errors.Join(err, takeBack(changes[:i+1]))
		}
	}
	return nil
}

func takeBack(changes []change) (err error) {
	for _, c := range changes {
		err = errors.Join(err, put(c.path, c.before, c.was))
	}
	return err
}

// put keeps the mode of a file that is there, unless it gets another. A folder
// goes with its last file.
func put(path string, data []byte, mode fs.FileMode) error {
	if data == nil {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for folder := filepath.Dir(path); os.Remove(folder) == nil; {
			folder = filepath.Dir(folder)
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, data, cmp.Or(mode, 0o644)); err != nil || mode == 0 {
		return err
	}
	return os.Chmod(path, mode)
}
