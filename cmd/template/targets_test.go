//go:build template

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMigrationTarget(t *testing.T) {
	t.Parallel()
	root := copyTree(t)
	command(t, root, "make", "-s", "migration", "NAME=create_notes")
	out := command(t, root, "git", "status", "--porcelain")
	if !strings.Contains(out, "_create_notes.sql") {
		t.Fatalf("no migration was made:\n%s", out)
	}
	command(t, root, "make", "-s", "migration", "NAME=add_priority")
	if out := command(t, root, "git", "status", "--porcelain"); !strings.Contains(out, "_add_priority.sql") {
		t.Errorf("no second one was made:\n%s", out)
	}
	for _, name := range []string{"", "NAME=a b", "NAME=../x"} {
		if exec.CommandContext(t.Context(), "make", "-C", root, "-s", "migration", name).Run() == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

// TestResetSparesOthers: a database that is not the project's own is never emptied.
func TestResetSparesOthers(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "postgres://u:s3cret@db.example.com/prod"} {
		cmd := exec.CommandContext(t.Context(), "../../.ci/db-reset")
		cmd.Env = []string{"DATABASE_URL=" + url, "PATH=/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "only the database that make run starts") || strings.Contains(string(out), "s3cret") {
			t.Errorf("%q: %v\n%s", url, err, out)
		}
	}
}

// TestLinks: a link in a document that leads nowhere is found, in a file and in a heading.
func TestLinks(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{
		"README.md":  "# Start\n[here](docs/a.md#the-pools-size-2), [there](#start), [away](https://example.com/x#y)\n```\n[code](none.md)\n```\n",
		"docs/a.md":  "## The pool's `size` (2)\n[up](../README.md), [gone](b.md), [lost](a.md#nothing)\n```\n# nothing\n```\n",
		".ci/links":  read(t, "../..", ".ci/links"),
		".git/x.md":  "[hidden](none.md)",
		"x/.keep.md": "[hidden](none.md)",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(root, ".ci/links")).CombinedOutput()
	want := "docs/a.md: b.md: there is no such file\ndocs/a.md: a.md#nothing: there is no such heading\n"
	if err == nil || string(out) != want {
		t.Errorf("%v\n%s", err, out)
	}
}
