//go:build template

package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unnamed is copyTree for what happens before a clone has its name.
func unnamed(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("../../" + marker); err != nil {
		t.Skip("this clone has its name")
	}
	return copyTree(t)
}

// copyTree copies what git knows of this tree into a repository of its own.
func copyTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	command(t, "../..", "sh", "-c", `git ls-files -z | xargs -0 tar cf - | tar xf - -C "$0"`, root)
	command(t, root, "git", "init", "-q")
	commit(t, root)
	return root
}

func commit(t *testing.T, root string) {
	t.Helper()
	command(t, root, "git", "add", "-A")
	command(t, root, "git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "-q", "-m", "State")
}

func command(t *testing.T, folder, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func TestInit(t *testing.T) {
	t.Parallel()
	root := unnamed(t)
	command(t, root, "make", "-s", "init", "MODULE=example.org/you/notes", "HOLDER=Zoë & \"Söhne\"")
	if left, err := exec.CommandContext(t.Context(), "git", "-C", root, "grep", "-il", "transcription").Output(); err == nil {
		t.Errorf("the old name is left in:\n%s", left)
	}
	for name, want := range map[string]string{
		"go.mod":                       "module example.org/you/notes\n",
		lockFile:                       "\nmodule example.org/you/notes\nname   notes\n\n",
		"LICENSE":                      ` Zoë & "Söhne"` + "\n",
		"README.md":                    "# notes\n",
		apiFile:                        `Contact: openapi.Contact{Name: "Zoë & \"Söhne\"", URL: "https://example.org/you/notes"},` + "\n",
		"internal/web/docs/index.html": "<title>Notes</title>",
		"ops/alerts.yml":               `job="notes"`,
		"ops/grafana-dashboard.json":   `"uid": "notes"`,
	} {
		if text := read(t, root, name); !strings.Contains(text, want) {
			t.Errorf("%s: no %q", name, want)
		}
	}
	if strings.Contains(read(t, root, apiFile), "example.com") {
		t.Error("the document's contact is the template's")
	}
	if text := read(t, root, "README.md"); strings.Contains(text, "make init") || strings.Contains(text, "<!--") || !strings.Contains(text, "\nA Go service: ") {
		t.Errorf("the README still speaks of the template:\n%.500s", text)
	}
	if out := command(t, root, "gofmt", "-l", "."); out != "" {
		t.Errorf("not formatted:\n%s", out)
	}
	command(t, root, "go", "build", "./...")
	command(t, root, "go", "vet", "-tags", "faults,template", "./cmd/...", "./internal/db")
	command(t, root, "./.ci/imports")
	command(t, root, "./.ci/links")
	commit(t, root)
	refused(t, root, request{module: "example.org/you/other"}, "this clone has its name already: example.org/you/notes")
}

// TestInitAfterGonew: gonew has renamed go.mod and the imports, and made no repository.
func TestInitAfterGonew(t *testing.T) {
	t.Parallel()
	root := unnamed(t)
	command(t, root, "sh", "-c", `for f in $(git ls-files '*.go' go.mod); do
		sed 's#example.com/transcription-api#example.org/you/notes#' "$f" >f.new && cat f.new >"$f"; done; rm f.new`)
	command(t, root, "sh", "-c", `export GIT_AUTHOR_NAME=Test GIT_AUTHOR_EMAIL=test@example.org GIT_COMMITTER_NAME=Test GIT_COMMITTER_EMAIL=test@example.org
		rm -rf .git && git init && git add -A && git commit -m Start`)
	if err := initialize(t.Context(), root, request{module: "example.org/you/notes"}, io.Discard); err != nil {
		t.Fatal(err)
	}
	if left, err := exec.CommandContext(t.Context(), "git", "-C", root, "grep", "-il", "transcription").Output(); err == nil {
		t.Errorf("the old name is left in:\n%s", left)
	}
}

func TestInitRefuses(t *testing.T) {
	t.Parallel()
	root := unnamed(t)
	refused(t, root, request{module: "notes"}, "MODULE: malformed")
	refused(t, root, request{module: "example.org/you/fmt"}, "standard library")
	if err := os.WriteFile(filepath.Join(root, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, root, request{module: "example.org/you/notes"}, "commit or stash")
}

// refused wants one line that says why, and nothing changed.
func refused(t *testing.T, root string, r request, want string) {
	t.Helper()
	before := command(t, root, "git", "status", "--porcelain")
	err := initialize(t.Context(), root, r, io.Discard)
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%+v: %v, want one line with %q", r, err, want)
	}
	if after := command(t, root, "git", "status", "--porcelain"); after != before {
		t.Errorf("%+v changed:\n%s", r, after)
	}
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
