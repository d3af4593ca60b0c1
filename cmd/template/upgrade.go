package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// upgradingFile says what clones must change by hand, by version.
const upgradingFile = "UPGRADING.md"

// order is what the user asks of an upgrade.
type order struct {
	from   string // a path or URL of the template's repository, and @ref
	dryRun bool   // only show the difference
	keep   bool   // leave what is merged, conflicts marked, to be finished by hand
	checks []string
}

// upgrade brings the clone at root a later version of the template, or changes
// nothing. All is merged and checked in a copy, so that what fails or is killed
// has not touched the clone.
func upgrade(ctx context.Context, root string, o order, stdout io.Writer) error {
	work, err := os.MkdirTemp("", "upgrade-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	u, err := prepare(ctx, root, work, o, stdout)
	if err == nil && u != nil {
		err = u.run(ctx, o)
	}
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted: nothing is changed")
	}
	return err
}

// upgrading is an upgrade that has something to do.
type upgrading struct {
	root, copy    string // the clone, and the copy of it that is merged first
	head          string // the clone's commit
	before, after version
	steps         []step
	stdout        io.Writer
}

// prepare makes every check that can be made before something is merged. It
// returns nil where there is nothing to do.
func prepare(ctx context.Context, root, work string, o order, stdout io.Writer) (*upgrading, error) {
	if _, err := exec.LookPath("git"); err != nil {
		return nil, errors.New("git is not installed, and an upgrade needs it")
	}
	l, err := readLock(root)
	if err != nil {
		return nil, err
	}
	if o.from == "" {
		return nil, errors.New("FROM is not given: make upgrade FROM=path-or-URL[@ref]")
	}
	current, err := currentModule(root)
	if err != nil {
		return nil, err
	}
	if current != l.module {
		return nil, fmt.Errorf("%s says module %s, and go.mod %s: put the first right", lockFile, l.module, current)
	}
	if _, err := cleanTree(ctx, root); err != nil {
		return nil, err
	}
	u := &upgrading{root: root, stdout: stdout}
	if u.before, u.after, err = fetch(ctx, root, o.from, filepath.Join(work, "template"), l); err != nil {
		return nil, err
	}
	if u.before.tree == u.after.tree {
		fmt.Fprintf(stdout, "already up to date: this clone has %s\n", u.after.called)
		return nil, nil
	}
	if u.copy, u.head, err = copyClone(ctx, root, filepath.Join(work, "copy")); err != nil {
		return nil, err
	}
	return u, u.plan(ctx, l)
}

// copyClone clones the clone: its commit, without what git ignores.
func copyClone(ctx context.Context, root, to string) (folder, head string, err error) {
	out, err := git(ctx, root, "rev-parse", "HEAD", "--show-toplevel", "--show-prefix")
	if err != nil {
		return "", "", err
	}
	lines := append(strings.Split(out, "\n"), "", "", "")
	if _, err := git(ctx, root, "clone", "--quiet", "--", lines[1], to); err != nil {
		return "", "", err
	}
	return filepath.Join(to, lines[2]), lines[0], nil // a service may be a folder of a larger repository
}

// plan works out the steps, the lock's among them.
func (u *upgrading) plan(ctx context.Context, l lock) error {
	n := namesOf(l.module, l.name)
	_, err := os.Stat(filepath.Join(u.root, exampleFile))
	withoutExample := err != nil
	m := merger{root: u.root, lock: l, before: u.before, after: u.after}
	if m.base, err = u.before.named(n, withoutExample); err != nil {
		return err
	}
	if m.next, err = u.after.named(n, withoutExample); err != nil {
		return err
	}
	if u.steps, l.files, err = m.steps(ctx); err != nil {
		return err
	}
	module, err := m.module()
	if err != nil {
		return fmt.Errorf("go.mod: %w", err)
	}
	l.commit, l.tree = u.after.commit, u.after.tree
	u.steps = append(u.steps, module, step{name: lockFile, does: "changed", after: l.text()})
	u.tell(news(m.base[upgradingFile].data, m.next[upgradingFile].data))
	return nil
}

// module merges go.mod, which is of both.
func (m merger) module() (step, error) {
	ours, err := os.ReadFile(filepath.Join(m.root, "go.mod"))
	if err != nil {
		return step{}, err
	}
	after, err := mergeModule(ours, m.before.files["go.mod"].data, m.after.files["go.mod"].data)
	s := step{name: "go.mod", after: after}
	if !bytes.Equal(ours, after) {
		s.does = "merged: your requirements stay, and none is older than the template's"
	}
	return s, err
}

// tell lists the steps, and what is to be done by hand.
func (u *upgrading) tell(byHand string) {
	fmt.Fprintf(u.stdout, "from %s to %s:\n", u.before.called, u.after.called)
	for _, s := range u.steps {
		if s.does != "" {
			fmt.Fprintf(u.stdout, "  %s: %s\n", s.name, s.does)
		}
	}
	if byHand != "" {
		fmt.Fprintf(u.stdout, "\nwhat you must change by hand, of %s:\n\n%s\n", upgradingFile, byHand)
	}
}

// news are the sections of UPGRADING.md that are not in the earlier one.
func news(before, after []byte) string {
	var new []string
	old := strings.Split("\n"+string(before), "\n## ")
	for i, section := range strings.Split("\n"+string(after), "\n## ") {
		if i > 0 && !slices.Contains(old, section) {
			new = append(new, "## "+strings.TrimSpace(section))
		}
	}
	return strings.Join(new, "\n\n")
}
