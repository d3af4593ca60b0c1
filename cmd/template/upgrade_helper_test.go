package main

import (
	"bytes"
	"cmp"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// small is a template that has one of each kind of file, and checks that do not compile anything.
var small = map[string]string{
	marker:                               "example.com/old-api\n",
	ownedFile:                            "lib/\nrun\nMakefile\nUPGRADING.md\n" + migrations + "/00001_keys.sql\n" + migrations + "/00009_more.sql\n",
	"go.mod":                             "module example.com/old-api\n\ngo 1.26.0\n",
	"Makefile":                           "lint:\n\t@echo linted; ! test -e lib/lint-fails\ntest:\n\t@echo tested; ! test -e lib/hangs || { echo hanging; exec sleep 600; }\n# example\nload:\n# /example\n",
	"README.md":                          "# old-api\n",
	"UPGRADING.md":                       "# Upgrading\n\n## 1.0\n\n- The first.\n",
	"run":                                "#!/bin/sh\n",
	"lib/a.go":                           "package lib\n\nimport \"example.com/old-api/internal/x\"\n\nvar (\n\tA = x.X\n\tB = 2\n)\n\n// One.\n\n// Two.\n\n// Three.\n",
	"lib/kept.txt":                       "old-api\n1\n2\n3\n4\n5\n6\n",
	"lib/gone.txt":                       "goes\n",
	exampleFile:                          "package handlers\n",
	"internal/x/x.go":                    "package x\n\nvar X = 1\n",
	migrations + "/00001_keys.sql":       "-- +goose Up\n",
	"internal/handlers/of-the-clone.txt": "old-api\n",
}

// next is what the second version has otherwise; the empty text takes a file out.
var next = map[string]string{
	ownedFile:                      small[ownedFile] + "new/\n",
	"UPGRADING.md":                 "# Upgrading\n\n## 2.0\n\n- Call old-api by its name.\n\n## 1.0\n\n- The first.\n",
	"README.md":                    "# old-api 2\n",
	"lib/a.go":                     strings.Replace(small["lib/a.go"], "// Three.", "// Three of old-api.", 1),
	"lib/kept.txt":                 strings.Replace(small["lib/kept.txt"], "6", "6 now", 1),
	"lib/gone.txt":                 "",
	"new/run":                      "#!/bin/sh\necho old-api\n",
	"Makefile":                     strings.Replace(small["Makefile"], "load:", "load: more", 1),
	migrations + "/00009_more.sql": "-- +goose Up\n-- of old-api\n",
}

// versions makes a template's repository with both versions, tagged, and a clone of the first that is named.
func versions(t *testing.T, changed map[string]string) (template, clone string) {
	t.Helper()
	template, clone = t.TempDir(), filepath.Join(t.TempDir(), "clone")
	inGit(t, template, "init", "-q", "-b", "main")
	save(t, template, small)
	if err := os.Chmod(filepath.Join(template, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	saved(t, template, "v1")
	inGit(t, "", "clone", "-q", template, clone)
	save(t, template, changed)
	saved(t, template, "v2")
	if err := initialize(t.Context(), clone, request{module: "example.org/you/notes"}, new(bytes.Buffer)); err != nil {
		t.Fatal(err)
	}
	saved(t, clone, "")
	return template, clone
}

func save(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if text == "" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { // as git makes them
			t.Fatal(err)
		}
	}
}

func saved(t *testing.T, root, tag string) {
	t.Helper()
	inGit(t, root, "add", "-A")
	inGit(t, root, "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "-q", "--allow-empty", "-m", "State")
	if tag != "" {
		inGit(t, root, "tag", tag)
	}
}

func inGit(t *testing.T, root string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// whole is a tree's every file, ignored ones too, with its mode and content.
func whole(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == ".git" {
			return cmp.Or(err, fs.SkipDir)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		files[name] = info.Mode().String()
		if !d.IsDir() {
			text, err := os.ReadFile(path)
			files[name] += " " + string(text)
			return err
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return files
}
