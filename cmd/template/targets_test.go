//go:build template

package main

import (
	"os/exec"
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
