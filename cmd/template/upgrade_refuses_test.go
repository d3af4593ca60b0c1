package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestUpgradeRefuses(t *testing.T) {
	t.Parallel()
	template, clone := versions(t, next)
	inGit(t, template, "checkout", "-q", "-b", "other", "v1")
	save(t, template, map[string]string{"lib/other.txt": "x\n"})
	saved(t, template, "")
	inGit(t, template, "checkout", "-q", "main")
	elsewhere, empty := t.TempDir(), t.TempDir()
	inGit(t, elsewhere, "init", "-q")
	save(t, elsewhere, map[string]string{"x": "x\n"})
	saved(t, elsewhere, "")
	inGit(t, empty, "init", "-q")
	for from, want := range map[string]string{
		"":                  "FROM is not given: make upgrade FROM=path-or-URL[@ref]",
		clone + "/none":     "FROM: git clone: fatal: repository",
		t.TempDir():         "FROM: git clone: fatal: repository",
		"--upload-pack=x":   "FROM: git clone: fatal: repository",
		template + "@v9":    `has no branch, tag or commit "v9"`,
		template + "@--all": `has no branch, tag or commit "--all"`,
		empty:               `has no branch, tag or commit "HEAD"`,
		elsewhere:           "it has neither the commit",
		clone:               "is no version of the template",
	} {
		stays(t, clone, checked(from), want)
	}
	if err := upgrade(t.Context(), clone, checked(template), new(strings.Builder)); err != nil {
		t.Fatal(err)
	}
	stays(t, clone, checked(template+"@v2"), "there are changes that are not committed: commit or stash them first")
	saved(t, clone, "")
	stays(t, clone, checked(template+"@v1"), "FROM: v1 is older than v2, which this clone has")
	stays(t, clone, checked(template+"@other"), "does not come after v2, which this clone has: they are on different branches")
}

func TestUpgradeRefusesLock(t *testing.T) {
	t.Parallel()
	template, clone := versions(t, next)
	lock := readText(t, clone, lockFile)
	for edited, want := range map[string]string{
		lock + "<<<<<<< HEAD\n":                                             `template.lock: line 15 is none: "<<<<<<< HEAD"`,
		lock + strings.Repeat("0", 64) + "  ../x\n":                         "template.lock: line 15 is none",
		regexp.MustCompile(`commit .*`).ReplaceAllString(lock, "commit -x"): "template.lock: it has no commit",
		strings.Replace(lock, "name   notes", "", 1):                        "template.lock: it has no name",
		strings.Replace(lock, "/you/", "/me/", 1):                           "template.lock says module example.org/me/notes, and go.mod example.org/you/notes",
	} {
		save(t, clone, map[string]string{lockFile: edited})
		saved(t, clone, "")
		stays(t, clone, checked(template), want)
	}
	save(t, clone, map[string]string{lockFile: ""})
	saved(t, clone, "")
	stays(t, clone, checked(template), "there is no template.lock, which make init writes")
	save(t, clone, map[string]string{marker: "example.com/old-api\n"})
	stays(t, clone, checked(template), "make init comes first")
}

func TestUpgradeWithoutGit(t *testing.T) {
	root := t.TempDir()
	save(t, root, map[string]string{lockFile: "x\n"})
	t.Setenv("PATH", t.TempDir())
	stays(t, root, checked("x"), "git is not installed")
}

// TestUpgradeMeanwhile: a tree that has changed while the checks ran is not what was checked.
func TestUpgradeMeanwhile(t *testing.T) {
	t.Parallel()
	template, clone := versions(t, next)
	u, err := prepare(t.Context(), clone, t.TempDir(), checked(template), new(strings.Builder))
	if err != nil {
		t.Fatal(err)
	}
	save(t, clone, map[string]string{"lib/kept.txt": "meanwhile\n"})
	if err := u.take(t.Context()); err == nil || !strings.Contains(err.Error(), "this tree is not what was checked: there are changes") {
		t.Error(err)
	}
	saved(t, clone, "")
	if err := u.take(t.Context()); err == nil || !strings.Contains(err.Error(), "there is a new commit") {
		t.Error(err)
	}
}

func TestSplitFrom(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "a@b"), 0o700); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string][2]string{
		"../template":                          {"../template", ""},
		"../template@v1.2":                     {"../template", "v1.2"},
		"a@b":                                  {"a@b", ""},
		"a@b@v1":                               {"a@b", "v1"},
		"https://example.org/x.git":            {"https://example.org/x.git", ""},
		"https://me@example.org/x.git":         {"https://me@example.org/x.git", ""},
		"https://me@example.org/x.git@fix/one": {"https://me@example.org/x.git", "fix/one"},
		"git@example.org:you/x.git":            {"git@example.org:you/x.git", ""},
		"git@example.org:you/x.git@v1":         {"git@example.org:you/x.git", "v1"},
		"ssh://git@example.org":                {"ssh://git@example.org", ""},
	} {
		if repository, ref := splitFrom(root, from); repository != want[0] || ref != want[1] {
			t.Errorf("%s: %s and %s", from, repository, ref)
		}
	}
}

func TestMergeModule(t *testing.T) {
	t.Parallel()
	const base = "module example.com/t\n\ngo 1.26.0\n\nrequire (\n\texample.org/a v1.0.0\n\texample.org/b v1.0.0\n\texample.org/c v1.0.0\n)\n"
	const next = "module example.com/t\n\ngo 1.27.0\n\nrequire (\n\texample.org/a v1.1.0\n\texample.org/b v1.1.0\n\texample.org/c v1.0.0\n\texample.org/new v1.0.0\n)\n"
	const ours = "module example.org/you/n\n\ngo 1.26.1\n\nrequire (\n\texample.org/a v1.0.0\n\texample.org/b v1.2.0\n\texample.org/c v0.9.0\n\texample.org/own v1.0.0\n)\n"
	const want = "module example.org/you/n\n\ngo 1.27.0\n\nrequire (\n\texample.org/a v1.1.0\n\texample.org/b v1.2.0\n\texample.org/c v0.9.0\n\texample.org/own v1.0.0\n\texample.org/new v1.0.0\n)\n"
	if got, err := mergeModule([]byte(ours), []byte(base), []byte(next)); err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
	if got, err := mergeModule([]byte(want), []byte(base), []byte(next)); err != nil || string(got) != want {
		t.Errorf("again: %v\n%s", err, got)
	}
}
