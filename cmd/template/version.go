package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/modfile"
)

// version is a commit of the template's repository.
type version struct {
	commit, tree string
	called       string // as git describe has it
	files        map[string]file
}

type file struct {
	data []byte
	mode fs.FileMode
}

var scpLike = regexp.MustCompile(`^[^/]+:`) // git@example.org:

// splitFrom separates a path or URL from the ref, which may be left out. What
// stands before a host has an @ too.
func splitFrom(root, from string) (repository, ref string) {
	if info, err := os.Stat(inRoot(root, from)); err == nil && info.IsDir() {
		return from, ""
	}
	host := scpLike.FindString(from)
	if scheme, rest, ok := strings.Cut(from, "://"); ok {
		authority, _, _ := strings.Cut(rest, "/")
		host = scheme + "://" + authority
	}
	at := strings.LastIndex(from, "@")
	if at < len(host) {
		return from, ""
	}
	return from[:at], from[at+1:]
}

func inRoot(root, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(root, path)
}

// fetch copies the template's repository to a folder, and returns the version
// that the clone has and the one that it is to get.
func fetch(ctx context.Context, root, from, folder string, l lock) (base, next version, err error) {
	repository, ref := splitFrom(root, from)
	if _, err := git(ctx, root, "clone", "--quiet", "--bare", "-c", "core.autocrlf=false", "-c", "tar.umask=0022", "--", repository, folder); err != nil {
		return base, next, fmt.Errorf("FROM: %w", err)
	}
	ref = cmp.Or(ref, "HEAD")
	if next.commit, err = resolve(ctx, folder, ref); err != nil {
		return base, next, fmt.Errorf("FROM: %s has no branch, tag or commit %q", repository, ref)
	}
	if base.commit, err = findBase(ctx, folder, l); err != nil {
		return base, next, err
	}
	for _, v := range []*version{&base, &next} {
		if err := v.read(ctx, folder); err != nil {
			return base, next, err
		}
	}
	if base.tree == next.tree {
		return base, next, nil
	}
	return base, next, follows(ctx, folder, base, next)
}

func resolve(ctx context.Context, folder, ref string) (string, error) {
	if strings.HasPrefix(ref, "-") {
		return "", errors.New("an option is no ref")
	}
	id, err := git(ctx, folder, "rev-parse", "--verify", "--quiet", ref+"^{commit}")
	return strings.TrimSpace(id), err
}

// findBase returns the lock's commit, or one with its tree: a code host's "use
// this template" begins a history of its own.
func findBase(ctx context.Context, folder string, l lock) (string, error) {
	if commit, err := resolve(ctx, folder, l.commit); err == nil {
		return commit, nil
	}
	log, err := git(ctx, folder, "log", "--all", "--format=%H %T")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(log) {
		if commit, tree, _ := strings.Cut(strings.TrimSpace(line), " "); tree == l.tree {
			return commit, nil
		}
	}
	return "", fmt.Errorf("FROM: it has neither the commit %.12s of %s nor one of the same tree: is it this clone's template? If it is, put the commit that the clone was made from there", l.commit, lockFile)
}

// follows refuses a version that does not come after the clone's.
func follows(ctx context.Context, folder string, base, next version) error {
	if _, err := git(ctx, folder, "merge-base", "--is-ancestor", base.commit, next.commit); err == nil {
		return nil
	}
	if _, err := git(ctx, folder, "merge-base", "--is-ancestor", next.commit, base.commit); err == nil {
		return fmt.Errorf("FROM: %s is older than %s, which this clone has", next.called, base.called)
	}
	return fmt.Errorf("FROM: %s does not come after %s, which this clone has: they are on different branches", next.called, base.called)
}

// read fills in all but the commit.
func (v *version) read(ctx context.Context, folder string) error {
	for field, args := range map[*string][]string{
		&v.tree:   {"rev-parse", v.commit + "^{tree}"},
		&v.called: {"describe", "--tags", "--always", v.commit},
	} {
		out, err := git(ctx, folder, args...)
		if err != nil {
			return err
		}
		*field = strings.TrimSpace(out)
	}
	archive, err := git(ctx, folder, "archive", "--format=tar", v.commit)
	if err != nil {
		return err
	}
	v.files, err = untar([]byte(archive))
	return err
}

func untar(archive []byte) (map[string]file, error) {
	files := map[string]file{}
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		head, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if head.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(reader)
		if err != nil {
			return nil, err
		}
		files[head.Name] = file{data, head.FileInfo().Mode().Perm()}
	}
}

// named is what a clone of that name gets of a version: the template's files as
// make init leaves them and, where the example is gone, make drop-example.
func (v version) named(n names, withoutExample bool) (map[string]file, error) {
	original, template := v.files[marker].data, parseOwned(v.files[ownedFile].data)
	if original == nil || template == nil {
		return nil, fmt.Errorf("FROM: %s is no version of the template, which has %s and %s", v.called, marker, ownedFile)
	}
	rename := renamer(originalNames(strings.TrimSpace(string(original))), n, modfile.ModulePath(v.files["go.mod"].data))
	files := map[string]file{}
	e := example{}
	for name := range v.files {
		if template.has(name) {
			e.left = append(e.left, name)
		}
	}
	for _, name := range e.left {
		data, err := edit(name, v.files[name].data, rename, "")
		if err == nil && withoutExample && data != nil {
			data, err = e.edit(name, data)
		}
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", name, v.called, err)
		}
		if data != nil {
			files[name] = file{data, v.files[name].mode}
		}
	}
	return files, nil
}
