//go:build template

package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDropExample: what is left without the example builds, passes its tests and serves, and so does a resource that is
// begun then.
func TestDropExample(t *testing.T) {
	root := withExample(t)
	out := command(t, root, "make", "-s", "drop-example")
	if !strings.Contains(out, "make resource") || !strings.Contains(out, "make db-reset") {
		t.Errorf("it does not say what to do next:\n%s", out)
	}
	for _, name := range []string{"bench", "internal/handlers/items.go", "internal/models/item.go", "cmd/template/testdata"} {
		if _, err := os.Stat(filepath.Join(root, name)); err == nil {
			t.Errorf("%s is left", name)
		}
	}
	left, err := exec.CommandContext(t.Context(), "git", "-C", root, "grep", "-nE", `/items|[^-]\bitems\.|models\.Item|audiourl|drop-example|make seed|make bench([^-]|$)|\]\([^)]*item`, "--", ":!cmd/template", ":!docs/*.svg").Output() // make screenshots draws that anew
	if err == nil {
		t.Errorf("this is left of the example:\n%s", left)
	}
	commit(t, root)
	if err := dropExample(t.Context(), root, io.Discard); err == nil || err.Error() != "the example is gone already" {
		t.Errorf("dropped twice: %v", err)
	}
	lint(t, root)
	command(t, root, "go", "mod", "tidy", "-diff")
	resourceTests(t, root)
	command(t, root, "go", "test", "-run", "TestCommands", "./cmd/template")
	s := serve(t, root)
	if document := s.want(t, 200, `"/health/ready"`, "GET", "/openapi.json", ""); regexp.MustCompile(`/items|"name":"items"|"\w*Item\w*"`).MatchString(document.body) {
		t.Errorf("the document has %s", document.body)
	}
	s.want(t, 200, "<html", "GET", "/docs", "")
	s.want(t, 200, `"ok"`, "GET", "/health/ready", "")
	s.want(t, 404, "There is nothing at this path.", "GET", "/items", "")

	command(t, root, "make", "-s", "resource", "NAME=note")
	lint(t, root)
	command(t, root, "go", "test", "./internal/handlers/...", "./internal/models/...")
	serve(t, root).want(t, 201, `"name":"First"`, "POST", "/notes", `{"name":"First"}`)
}

// withExample is copyTree where the example is there.
func withExample(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("../../" + exampleFile); err != nil {
		t.Skip("this clone has no example any more")
	}
	return copyTree(t)
}

// TestDropRefuses: where something else needs the example nothing is changed.
func TestDropRefuses(t *testing.T) {
	root := withExample(t)
	write(t, root, "internal/models/remark.go", "package models\n\n// Remark is on an item.\ntype Remark struct{ On Item }\n")
	wantRefused(t, root, "commit or stash")
	commit(t, root)
	wantRefused(t, root, "internal/models/remark.go:4:24: undefined: Item")
	command(t, root, "git", "rm", "-q", "internal/models/remark.go")
	write(t, root, "internal/db/migrations/00009_remarks.sql", "-- +goose Up\nCREATE TABLE remarks (item_id bigint REFERENCES items);\n\n-- +goose Down\nDROP TABLE remarks;\n")
	commit(t, root)
	wantRefused(t, root, "00009_remarks.sql: it needs the table items")
}

func wantRefused(t *testing.T, root, want string) {
	t.Helper()
	before := command(t, root, "git", "status", "--porcelain")
	err := dropExample(t.Context(), root, io.Discard)
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, want one line with %q", err, want)
	}
	if after := command(t, root, "git", "status", "--porcelain"); after != before {
		t.Errorf("changed:\n%s", after)
	}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
