package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const lockFile = "template.lock"

// lock is what a clone has of its template. The template itself has none.
type lock struct {
	commit, tree string            // of the template's repository
	module, name string            // of the clone
	files        map[string]string // owned: the hash of what the template has, under the clone's names
}

const lockHead = `# What this service has of its template, for make upgrade: docs/upgrading.md. The files below are the template's, and
# changes to them are merged; take a line out, and upgrades leave that file to you.
`

func (l lock) text() []byte {
	var out bytes.Buffer
	out.WriteString(lockHead)
	fmt.Fprintf(&out, "commit %s\ntree   %s\nmodule %s\nname   %s\n\n", l.commit, l.tree, l.module, l.name)
	for _, name := range slices.Sorted(maps.Keys(l.files)) {
		fmt.Fprintf(&out, "%s  %s\n", l.files[name], name)
	}
	return out.Bytes()
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// readLock returns the clone's lock, or a line that says what is wrong with it.
func readLock(root string) (lock, error) {
	text, err := os.ReadFile(filepath.Join(root, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(root, marker)); err == nil {
			return lock{}, errors.New("this tree has no name yet, and so no " + lockFile + ": make init comes first")
		}
		return lock{}, errors.New("there is no " + lockFile + ", which make init writes: it says what this clone has of its template")
	}
	if err != nil {
		return lock{}, err
	}
	l, err := parseLock(text)
	if err != nil {
		return lock{}, fmt.Errorf("%s: %w", lockFile, err)
	}
	return l, nil
}

var (
	objectID = regexp.MustCompile(`^[0-9a-f]{40,64}$`)
	fileLine = regexp.MustCompile(`^([0-9a-f]{64})  (.+)$`)
)

func parseLock(text []byte) (lock, error) {
	l := lock{files: map[string]string{}}
	heads := map[string]*string{"commit": &l.commit, "tree": &l.tree, "module": &l.module, "name": &l.name}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimRight(lines.Text(), "\r")
		key, value, _ := strings.Cut(line, " ")
		match := fileLine.FindStringSubmatch(line)
		switch {
		case line == "" || line[0] == '#':
		case heads[key] != nil:
			*heads[key] = strings.TrimSpace(value)
		case match != nil && filepath.IsLocal(filepath.FromSlash(match[2])):
			l.files[match[2]] = match[1]
		default:
			return lock{}, fmt.Errorf("line %d is none: %.60q", number, line)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(heads)) {
		value := heads[key]
		if *value == "" || (key == "commit" || key == "tree") && !objectID.MatchString(*value) {
			return lock{}, fmt.Errorf("it has no %s", key)
		}
	}
	return l, lines.Err()
}

// newLock is the lock of a clone that is named now, without its files.
func newLock(ctx context.Context, root string, n names) (lock, error) {
	ids, err := git(ctx, root, "rev-parse", "HEAD", "HEAD^{tree}")
	if err != nil {
		return lock{}, err
	}
	commit, tree, _ := strings.Cut(strings.TrimSpace(ids), "\n")
	return lock{commit: commit, tree: tree, module: n.module, name: n.name, files: map[string]string{}}, nil
}
