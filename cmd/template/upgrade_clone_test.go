package main

import (
	"bytes"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUpgradeDropped: what goes with the example does not come back, and is no change of the clone's.
func TestUpgradeDropped(t *testing.T) {
	t.Parallel()
	template, clone := versions(t, next)
	save(t, clone, map[string]string{exampleFile: "", "Makefile": marked.ReplaceAllString(small["Makefile"], "")})
	saved(t, clone, "")
	if err := upgrade(t.Context(), clone, checked(template), io.Discard); err != nil {
		t.Fatal(err)
	}
	if text := readText(t, clone, "Makefile"); strings.Contains(text, "load") {
		t.Errorf("the example's target is back:\n%s", text)
	}
	if _, err := os.Stat(filepath.Join(clone, exampleFile)); err == nil {
		t.Error("the example is back")
	}
}

// TestUpgradeTaken: a file whose line is taken out of the lock is the clone's, as is one that the template owns no more, and
// one that the clone has removed stays away.
func TestUpgradeTaken(t *testing.T) {
	t.Parallel()
	changed := maps.Clone(next)
	changed[ownedFile] = strings.Replace(next[ownedFile], "run\n", "", 1)
	changed["run"] = "#!/bin/sh\nexit\n"
	template, clone := versions(t, changed)
	lines := regexp.MustCompile(`(?m)^.*  lib/kept.txt\n`).ReplaceAllString(readText(t, clone, lockFile), "")
	save(t, clone, map[string]string{lockFile: lines, "lib/kept.txt": "6 ours\n", "lib/a.go": "", "lib/gone.txt": ""})
	saved(t, clone, "")
	if err := upgrade(t.Context(), clone, checked(template), io.Discard); err != nil {
		t.Fatal(err)
	}
	lock := readText(t, clone, lockFile)
	if text := readText(t, clone, "lib/kept.txt"); text != "6 ours\n" || strings.Contains(lock, "lib/kept.txt") {
		t.Errorf("the clone's own file has become %s, the lock\n%s", text, lock)
	}
	if _, err := os.Stat(filepath.Join(clone, "lib/a.go")); err == nil || strings.Contains(lock, "lib/a.go") {
		t.Errorf("a removed file is back: %v, the lock is\n%s", err, lock)
	}
	if text := readText(t, clone, "run"); text != small["run"] || strings.Contains(lock, "  run\n") {
		t.Errorf("what the template has given up has become %s, the lock\n%s", text, lock)
	}
}

// TestUpgradeOtherHistory: a code host's "use this template" copies the files, and not the commits.
func TestUpgradeOtherHistory(t *testing.T) {
	t.Parallel()
	template, _ := versions(t, next)
	clone := t.TempDir()
	inGit(t, clone, "init", "-q")
	save(t, clone, small)
	if err := os.Chmod(filepath.Join(clone, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	saved(t, clone, "")
	if err := initialize(t.Context(), clone, request{module: "example.org/you/notes"}, io.Discard); err != nil {
		t.Fatal(err)
	}
	saved(t, clone, "")
	if err := upgrade(t.Context(), clone, checked(template), io.Discard); err != nil {
		t.Fatal(err)
	}
	if text := readText(t, clone, "lib/kept.txt"); !strings.Contains(text, "6 now") {
		t.Errorf("it has %s", text)
	}
}

// TestUpgradeShows: a dry run prints the difference, and runs nothing.
func TestUpgradeShows(t *testing.T) {
	t.Parallel()
	template, clone := versions(t, next)
	edits(t, clone)
	before := whole(t, clone)
	var said bytes.Buffer
	if err := upgrade(t.Context(), clone, order{from: template, dryRun: true, keep: true, checks: []string{"lint"}}, &said); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"\n-goes\n", "\n+6 now\n", "\n+echo notes\n", "+++ b/" + migrations + "/00010_more.sql", "nothing is changed"} {
		if !strings.Contains(said.String(), text) {
			t.Errorf("it does not show %q:\n%s", text, &said)
		}
	}
	if strings.Contains(said.String(), "linted") {
		t.Error("it runs checks")
	}
	if diff := cmp.Diff(before, whole(t, clone)); diff != "" {
		t.Errorf("changed (-before +after)\n%s", diff)
	}
}

// TestUpgradeKeeps: on demand what is merged stays, conflicts marked, whatever the checks would say, until it is taken back.
func TestUpgradeKeeps(t *testing.T) {
	t.Parallel()
	changed := maps.Clone(next)
	changed["lib/lint-fails"] = "x\n"
	template, clone := versions(t, changed)
	save(t, clone, map[string]string{"lib/kept.txt": "6 ours\n", "lib/gone.txt": "ours\n", "new/run": "ours\n"})
	saved(t, clone, "")
	before := whole(t, clone)
	var said bytes.Buffer
	if err := upgrade(t.Context(), clone, order{from: template, keep: true, checks: []string{"lint"}}, &said); err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	if text := readText(t, clone, "lib/kept.txt"); !strings.Contains(text, "<<<<<<< yours\n6 ours\n=======\n") || !strings.Contains(text, "6 now\n>>>>>>> template now\n") {
		t.Errorf("the conflict is not marked:\n%s", text)
	}
	if !strings.Contains(said.String(), "to resolve: lib/gone.txt, lib/kept.txt, new/run\n") || readText(t, clone, "lib/gone.txt") != "ours\n" || readText(t, clone, "new/run") != "ours\n" {
		t.Errorf("it says\n%s", &said)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "git restore . && git clean -d -i")
	cmd.Dir, cmd.Stdin = clone, strings.NewReader("clean\n")
	out, err := cmd.CombinedOutput()
	if diff := cmp.Diff(before, whole(t, clone)); err != nil || diff != "" {
		t.Errorf("it is not taken back: %v\n%s(-before +after)\n%s", err, out, diff)
	}
}
