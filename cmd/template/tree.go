package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		line, _, _ := strings.Cut(string(exit.Stderr), "\n")
		return "", fmt.Errorf("git %s: %s", args[0], line)
	}
	return string(out), err
}

// change is one file's; after is nil where the file goes.
type change struct {
	path          string
	before, after []byte
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
			changes = append(changes, change{path, before, after})
		}
	}
	return changes, nil
}

// apply makes all changes. If one fails, those before it are taken back.
func apply(changes []change) error {
	for i, c := range changes {
		if err := put(c.path, c.after); err != nil {
			for _, done := range changes[:i+1] {
				err = errors.Join(err, put(done.path, done.before))
			}
			return err
		}
	}
	return nil
}

// put keeps the mode of a file that is there.
func put(path string, data []byte) error {
	if data == nil {
		return os.Remove(path)
	}
	return os.WriteFile(path, data, 0o644)
}
