package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// run merges in the copy, and takes that over when it passes the checks.
func (u *upgrading) run(ctx context.Context, o order) error {
	changes, err := u.changes(u.copy)
	if err != nil {
		return err
	}
	if err := apply(changes); err != nil {
		return err
	}
	conflicts := u.conflicts()
	switch {
	case o.keep && !o.dryRun:
		return u.keep(ctx, conflicts)
	case conflicts != "":
		if o.dryRun {
			err = u.show(ctx)
		}
		return errors.Join(err, fmt.Errorf("nothing is changed, as these conflict: %s; DRY_RUN=1 shows where, KEEP=1 leaves it marked for you to resolve", conflicts))
	}
	if err := u.tidy(ctx); err != nil {
		return err
	}
	if o.dryRun {
		return u.show(ctx)
	}
	for _, target := range o.checks {
		if err := u.check(ctx, target); err != nil {
			return err
		}
	}
	if err := u.take(ctx); err != nil {
		return err
	}
	fmt.Fprintf(u.stdout, "this clone has %s now; next: git diff, then git add -A && git commit\n", u.after.called)
	return nil
}

func (u *upgrading) conflicts() string {
	var names []string
	for _, s := range u.steps {
		if s.conflict {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, ", ")
}

// changes are the steps' in one of the two trees.
func (u *upgrading) changes(root string) ([]change, error) {
	var changes []change
	for _, s := range u.steps {
		path := filepath.Join(root, filepath.FromSlash(s.name))
		before, err := readFile(path)
		if err != nil {
			return nil, err
		}
		if s.after != nil && bytes.Equal(before.data, s.after) && (s.mode == 0 || s.mode == before.mode) {
			continue
		}
		changes = append(changes, change{path: path, before: before.data, after: s.after, mode: s.mode})
	}
	return changes, nil
}

// keep leaves in the clone what is merged so far, unchecked.
func (u *upgrading) keep(ctx context.Context, conflicts string) error {
	if err := u.take(ctx); err != nil {
		return err
	}
	if conflicts != "" {
		fmt.Fprintf(u.stdout, "to resolve: %s\n", conflicts)
	}
	fmt.Fprintln(u.stdout, "what is merged is here, unchecked; next: go mod tidy, make lint test, then git add -A && git commit")
	fmt.Fprintln(u.stdout, "git restore . && git clean -d -i takes it back")
	return nil
}

// tidy settles go.mod and go.sum by what the merged code imports.
func (u *upgrading) tidy(ctx context.Context) error {
	if out, err := child(ctx, u.copy, "go", "mod", "tidy").CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("nothing is changed, as with the new version go mod tidy fails: %s", lines[len(lines)-1])
	}
	u.steps = slices.DeleteFunc(u.steps, func(s step) bool { return s.name == "go.mod" })
	for _, name := range []string{"go.mod", "go.sum"} {
		ours, err := readFile(filepath.Join(u.root, name))
		if err != nil {
			return err
		}
		tidied, err := readFile(filepath.Join(u.copy, name))
		if err != nil {
			return err
		}
		if !bytes.Equal(ours.data, tidied.data) {
			u.steps = append(u.steps, step{name: name, after: tidied.data})
		}
	}
	return nil
}

// show prints the difference, as git does.
func (u *upgrading) show(ctx context.Context) error {
	added := []string{"add", "--intent-to-add", "--force", "--"}
	for _, s := range u.steps {
		if s.after != nil {
			added = append(added, s.name)
		}
	}
	if _, err := git(ctx, u.copy, added...); err != nil {
		return err
	}
	diff, err := git(ctx, u.copy, "diff", "--no-color", "--no-ext-diff", "--relative")
	fmt.Fprintf(u.stdout, "%s\nnothing is changed: this is what would be\n", diff)
	return err
}

// check runs a target of the Makefile in the copy.
func (u *upgrading) check(ctx context.Context, target string) error {
	fmt.Fprintf(u.stdout, "make %s, in a copy with the new version:\n", target)
	cmd := child(ctx, u.copy, "make", "--no-print-directory", target)
	cmd.Stdout, cmd.Stderr = u.stdout, u.stdout
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("nothing is changed, as with the new version make %s fails (%w): KEEP=1 leaves what is merged for you to finish", target, err)
	}
	return nil
}

// take makes the changes in the clone, unless that is another than was checked.
func (u *upgrading) take(ctx context.Context) error {
	head, err := git(ctx, u.root, "rev-parse", "HEAD")
	if err == nil && strings.TrimSpace(head) != u.head {
		err = errors.New("there is a new commit")
	}
	if err == nil {
		_, err = cleanTree(ctx, u.root)
	}
	if err != nil {
		return fmt.Errorf("nothing is changed, as this tree is not what was checked: %w", err)
	}
	changes, err := u.changes(u.root)
	if err != nil {
		return err
	}
	return apply(changes)
}
