package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func checked(from string) order { return order{from: from, checks: []string{"lint", "test"}} }

// edits are the clone's own: of five owned files and two that are its own, with migrations up to a number that the
// template's new one has too.
func edits(t *testing.T, clone string) {
	t.Helper()
	save(t, clone, map[string]string{
		"lib/a.go":                      strings.Replace(readText(t, clone, "lib/a.go"), "// One.", "// One of ours.", 1),
		"lib/kept.txt":                  strings.Replace(readText(t, clone, "lib/kept.txt"), "1", "1 ours", 1),
		"lib/own.txt":                   "ours\n",
		"README.md":                     "# Ours\n",
		migrations + "/00009_notes.sql": "-- +goose Up\n-- ours\n",
		".gitignore":                    "/ignored\n",
		"ignored":                       "secret\n",
	})
	if err := os.Chmod(filepath.Join(clone, "ignored"), 0o600); err != nil {
		t.Fatal(err)
	}
	saved(t, clone, "")
}

func readText(t *testing.T, root, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestUpgradeMerges(t *testing.T) {
	t.Parallel()
	template, clone := versions(t, next)
	if err := errors.Join(os.Chmod(filepath.Join(template, "new/run"), 0o755), os.Chmod(filepath.Join(template, "run"), 0o644)); err != nil {
		t.Fatal(err)
	}
	saved(t, template, "v3")
	edits(t, clone)
	want := whole(t, clone)
	var said bytes.Buffer
	if err := upgrade(t.Context(), clone, checked(template+"@v3"), &said); err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	for _, text := range []string{"from v1 to v3", "linted", "tested", "this clone has v3 now", "## 2.0\n\n- Call notes by its name.\n", "00009_more.sql, numbered after yours"} {
		if !strings.Contains(said.String(), text) {
			t.Errorf("it does not say %q:\n%s", text, &said)
		}
	}
	if strings.Contains(said.String(), "The first.") {
		t.Errorf("it says what was there before:\n%s", &said)
	}
	const plain = "-rw-r--r-- "
	want["UPGRADING.md"] = plain + strings.ReplaceAll(next["UPGRADING.md"], "old-api", "notes")
	want["lib/a.go"] = strings.Replace(want["lib/a.go"], "// Three.", "// Three of notes.", 1)
	want["lib/kept.txt"] = plain + "notes\n1 ours\n2\n3\n4\n5\n6 now\n"
	delete(want, "lib/gone.txt")
	want["run"] = strings.Replace(want["run"], "-rwxr-xr-x", "-rw-r--r--", 1)
	want["new"] = "drwxr-xr-x"
	want["new/run"] = "-rwxr-xr-x #!/bin/sh\necho notes\n"
	want["Makefile"] = plain + next["Makefile"]
	want[migrations+"/00010_more.sql"] = plain + "-- +goose Up\n-- of notes\n"
	got := whole(t, clone)
	lock, err := parseLock([]byte(readText(t, clone, lockFile)))
	if err != nil {
		t.Fatal(err)
	}
	delete(want, lockFile)
	delete(got, lockFile)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if lock.commit != inGit(t, template, "rev-parse", "HEAD") || lock.files["new/run"] == "" || lock.files["lib/gone.txt"] != "" || lock.files["lib/own.txt"] != "" || lock.files[migrations+"/00010_more.sql"] == "" {
		t.Errorf("the lock is %+v", lock)
	}

	saved(t, clone, "")
	said.Reset()
	if err := upgrade(t.Context(), clone, checked(template), &said); err != nil || said.String() != "already up to date: this clone has v3\n" {
		t.Errorf("again: %v\n%s", err, &said)
	}
	save(t, template, map[string]string{"lib/kept.txt": strings.Replace(next["lib/kept.txt"], "4", "4 later", 1)})
	saved(t, template, "v4")
	if err := upgrade(t.Context(), clone, checked(template), io.Discard); err != nil || readText(t, clone, "lib/kept.txt") != "notes\n1 ours\n2\n3\n4 later\n5\n6 now\n" {
		t.Errorf("to the version after it: %v\n%s", err, readText(t, clone, "lib/kept.txt"))
	}
	if left, _ := filepath.Glob(filepath.Join(clone, migrations, "*_more.sql")); len(left) != 1 {
		t.Errorf("the migration is there as %v", left)
	}
}

// TestUpgradeRestores: whatever fails, the clone is byte for byte what it was.
func TestUpgradeRestores(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		next  map[string]string
		edit  map[string]string
		order order
		want  string
	}{
		"lint":        {next: map[string]string{"lib/lint-fails": "x\n"}, want: "make lint fails"},
		"same place":  {edit: map[string]string{"lib/kept.txt": "6 ours\n"}, want: "these conflict: lib/kept.txt;"},
		"edited gone": {edit: map[string]string{"lib/gone.txt": "ours\n"}, want: "these conflict: lib/gone.txt;"},
		"name taken":  {edit: map[string]string{"new/run": "ours\n"}, want: "these conflict: new/run;"},
		"ignored":     {edit: map[string]string{"new/run": "ours\n", ".gitignore": "new\n"}, want: "these conflict: new/run;"},
		"a link":      {edit: map[string]string{"linked": "lib/gone.txt"}, want: "lib/gone.txt: it is no regular file here"},
		"no module":   {next: map[string]string{"lib/b.go": "package lib\n\nimport _ \"example.invalid/none\"\n"}, want: "go mod tidy fails"},
		"dry run":     {edit: map[string]string{"lib/kept.txt": "7\n"}, order: order{dryRun: true}, want: "these conflict: lib/kept.txt;"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := maps.Clone(next)
			maps.Copy(changed, row.next)
			template, clone := versions(t, changed)
			link := row.edit["linked"]
			delete(row.edit, "linked")
			save(t, clone, row.edit)
			if link != "" {
				if err := errors.Join(os.Remove(filepath.Join(clone, link)), os.Symlink("kept.txt", filepath.Join(clone, link))); err != nil {
					t.Fatal(err)
				}
			}
			saved(t, clone, "")
			row.order.from, row.order.checks = template, []string{"lint", "test"}
			stays(t, clone, row.order, row.want)
		})
	}
}

// stays wants one line that says why, and nothing changed.
func stays(t *testing.T, clone string, o order, want string) {
	t.Helper()
	before := whole(t, clone)
	var said bytes.Buffer
	err := upgrade(t.Context(), clone, o, &said)
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%+v: %v, want one line with %q\n%s", o, err, want, &said)
	}
	if diff := cmp.Diff(before, whole(t, clone)); diff != "" {
		t.Errorf("%+v: changed (-before +after)\n%s", o, diff)
	}
}

// TestUpgradeInterrupted: a signal while the tests run leaves the clone as it was.
func TestUpgradeInterrupted(t *testing.T) {
	t.Parallel()
	changed := maps.Clone(next)
	changed["lib/hangs"] = "x\n"
	template, clone := versions(t, changed)
	before := whole(t, clone)
	ctx, cancel := context.WithCancel(t.Context())
	hanging, said := io.Pipe()
	go func() {
		lines := bufio.NewScanner(hanging)
		for lines.Scan() {
			if lines.Text() == "hanging" {
				cancel()
			}
		}
	}()
	err := upgrade(ctx, clone, checked(template), said)
	if err == nil || err.Error() != "interrupted: nothing is changed" {
		t.Error(err)
	}
	if diff := cmp.Diff(before, whole(t, clone)); diff != "" {
		t.Errorf("changed (-before +after)\n%s", diff)
	}
	_ = said.Close()
}
