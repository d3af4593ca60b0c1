package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// step is what an upgrade does to one file of the clone.
type step struct {
	name, does string // nothing, if does is empty
	after      []byte // nil: it goes
	mode       fs.FileMode
	owned      bool // by the template from now on
	conflict   bool // after is the clone's, or has marks to resolve
}

// merger works out the steps between two versions of the template.
type merger struct {
	root          string
	lock          lock
	before, after version
	base, next    map[string]file // their owned files, named as the clone is
}

// steps returns all of them, and the files of the lock that they lead to.
func (m merger) steps(ctx context.Context) ([]step, map[string]string, error) {
	steps, err := m.migrations()
	if err != nil {
		return nil, nil, err
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(m.lock.files)), maps.Keys(m.next))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if path.Dir(name) == migrations {
			continue
		}
		s, err := m.step(ctx, name)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		steps = append(steps, s)
	}
	files := map[string]string{}
	for name, sum := range m.lock.files {
		if path.Dir(name) == migrations {
			files[name] = sum
		}
	}
	for _, s := range steps {
		if next, ok := m.next[s.name]; ok && s.owned {
			files[s.name] = hash(next.data)
		} else if s.owned {
			files[s.name] = hash(s.after) // a migration that has another number here
		}
	}
	return slices.DeleteFunc(steps, func(s step) bool { return s.does == "" }), files, nil
}

// step is a file's. One that is not in the lock is the clone's, unless no
// earlier version has had it.
func (m merger) step(ctx context.Context, name string) (step, error) {
	ours, err := readFile(filepath.Join(m.root, name))
	if err != nil {
		return step{}, err
	}
	base, next, locked := m.base[name], m.next[name], m.lock.files[name]
	s := step{name: name, after: ours.data, mode: ours.mode}
	edited := hash(ours.data) != locked && !bytes.Equal(ours.data, base.data)
	switch {
	case locked == "" && m.before.files[name].data != nil: // the clone has taken it over
	case locked == "" && ours.data == nil:
		s.does, s.after, s.mode, s.owned = "added", next.data, next.mode, true
	case locked == "":
		s.owned, s.conflict = bytes.Equal(ours.data, next.data), !bytes.Equal(ours.data, next.data)
		if s.conflict {
			s.does = "conflict: it is not the template's, which has one of that name now"
		}
	case ours.data == nil: // the clone has taken it out
	case next.data == nil && m.after.files[name].data != nil: // the template has given it up
	case next.data == nil && edited:
		s.does, s.conflict = "conflict: the template has it no more, and it is edited here", true
	case next.data == nil:
		s.does, s.after = "removed", nil
	default:
		return s.merge(ctx, base, next, edited)
	}
	return s, nil
}

// merge brings what has changed from base to next into a file of the clone.
func (s step) merge(ctx context.Context, base, next file, edited bool) (step, error) {
	ours, mode := s.after, s.mode
	s.owned = true
	const x = 0o111 // all that git keeps of a mode
	if base.data != nil && base.mode&x != next.mode&x {
		s.mode = s.mode&^x | next.mode&x
	}
	switch {
	case !edited:
		s.does, s.after = "changed", next.data
	case bytes.Equal(base.data, next.data):
		s.does = "changed"
	default:
		var err error
		s.does = "merged with your changes"
		if s.after, s.conflict, err = threeWay(ctx, s.name, ours, base.data, next.data); err != nil {
			return s, err
		}
		if s.conflict {
			s.does = "conflict: it is changed here and in the template, at the same place"
		}
	}
	if !s.conflict && bytes.Equal(ours, s.after) && mode == s.mode {
		s.does = ""
	}
	return s, nil
}

// migrations adds the template's new ones after all that the clone has. Those
// that are there stay as they are: they may have run somewhere.
func (m merger) migrations() ([]step, error) {
	number, err := nextMigration(filepath.Join(m.root, migrations))
	if err != nil {
		return nil, err
	}
	var steps []step
	for _, name := range slices.Sorted(maps.Keys(m.next)) {
		if path.Dir(name) != migrations || m.before.files[name].data != nil {
			continue
		}
		match := numbered.FindStringSubmatch(path.Base(name))
		if match == nil {
			return nil, fmt.Errorf("%s of %s has no number", name, m.after.called)
		}
		theirs, _ := strconv.Atoi(match[1]) // of digits; one too large is goose's to refuse
		number = max(number, theirs)
		_, title, _ := strings.Cut(path.Base(name), "_")
		s := step{name: fmt.Sprintf("%s/%05d_%s", migrations, number, title), does: "added", after: m.next[name].data, mode: m.next[name].mode, owned: true}
		if s.name != name {
			s.does = "added: the template's " + path.Base(name) + ", numbered after yours"
		}
		steps = append(steps, s)
		number++
	}
	return steps, nil
}

// readFile returns no data where there is no file.
func readFile(name string) (file, error) {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return file{}, nil
	}
	if err != nil {
		return file{}, err
	}
	if !info.Mode().IsRegular() {
		return file{}, errors.New("it is no regular file here: make it one, or move it")
	}
	data, err := os.ReadFile(name)
	return file{data, info.Mode().Perm()}, err
}
