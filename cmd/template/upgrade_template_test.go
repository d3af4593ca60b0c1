//go:build template

package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOwnedFiles: what goes with the example is not the template's, and each migration is the one's or the other's.
func TestOwnedFiles(t *testing.T) {
	t.Parallel()
	o := parseOwned([]byte(read(t, "../..", ownedFile)))
	_, err := os.Stat("../../" + marker)
	for line := range strings.Lines(command(t, "../..", "git", "ls-files")) {
		name := strings.TrimSpace(line)
		owned, example := o.has(name), exampleFiles.MatchString(name)
		if owned && example {
			t.Errorf("%s is the template's, and goes with the example", name)
		}
		if path.Dir(name) == migrations && !owned && !example && err == nil {
			t.Errorf("%s is neither the template's nor the example's", name)
		}
	}
}

// later makes the template's next version: what is changed, added and removed, a migration, and changes of the example.
const later = `
sed 's/^\/\/ poolConfig maps .*/& So it is in transcription-api./' internal/db/pool.go >x && cat x >internal/db/pool.go
sed 's/^# What this project can do.*/&, all of it/; s/^ha: .*/& x/' Makefile >x && cat x >Makefile
printf 'package app\n\nimport _ "example.com/transcription-api/internal/db/query"\n' >internal/web/app/later.go
printf '#!/bin/sh\n' >.ci/later && chmod +x .ci/later
git rm -q internal/db/query/array_test.go
printf -- '-- +goose Up\nCOMMENT ON TABLE idempotency_keys IS $$later$$;\n\n-- +goose Down\nCOMMENT ON TABLE idempotency_keys IS NULL;\n' >internal/db/migrations/00099_later.sql
echo internal/db/migrations/00099_later.sql >>cmd/template/owned
printf '\n## 2.0\n\n- Tell transcription-api.\n' >>UPGRADING.md
for f in internal/handlers/items.go internal/models/item.go cmd/api/work.go; do printf '\n// Later.\n' >>$f; done
printf '\nLater.\n' >>README.md
rm x`

// TestUpgrade: a clone that is renamed, has a resource, edits of five of the template's files and no example gets a later
// version by one command. The version after that is refused for a conflict, and changes nothing.
func TestUpgrade(t *testing.T) {
	template := unnamed(t)
	clone := filepath.Join(t.TempDir(), "clone")
	command(t, "", "git", "clone", "-q", template, clone)
	command(t, clone, "make", "-s", "init", "MODULE=example.org/you/notes")
	commit(t, clone)
	command(t, clone, "make", "-s", "drop-example")
	commit(t, clone)
	command(t, clone, "make", "-s", "resource", "NAME=note")
	command(t, clone, "sh", "-c", `for f in internal/db/pool.go internal/web/app/drain.go internal/config/table.go; do printf '\n// Ours.\n' >>$f; done
		printf '\nours:\n\t@echo ours\n' >>Makefile; printf '\nOurs.\n' >>docs/operations.md`)
	commit(t, clone)
	command(t, template, "sh", "-ec", later)
	commit(t, template)

	if said := command(t, clone, "make", "-s", "upgrade", "FROM="+template, "DRY_RUN=1"); !strings.Contains(said, "\n+# What this project can do: make help, all of it\n") {
		t.Errorf("a dry run says\n%s", said)
	}
	said := command(t, clone, "make", "-s", "upgrade", "FROM="+template, "CHECKS=test",
		"PKG=./internal/handlers/... ./internal/models/... ./internal/db/query ./internal/config")
	for _, want := range []string{
		"  internal/db/pool.go: merged with your changes\n", "  internal/db/query/array_test.go: removed\n", "  .ci/later: added\n",
		"## 2.0\n\n- Tell notes.\n", "example.org/you/notes/internal/handlers", "next: git diff",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	const changed = " M Makefile\n M UPGRADING.md\n M cmd/template/owned\n M internal/db/pool.go\n D internal/db/query/array_test.go\n M template.lock\n" +
		"?? .ci/later\n?? internal/db/migrations/00099_later.sql\n?? internal/web/app/later.go\n"
	if got := command(t, clone, "git", "status", "--porcelain"); got != changed {
		t.Errorf("changed are\n%swant\n%s", got, changed)
	}
	pool, makefile := read(t, clone, "internal/db/pool.go"), read(t, clone, "Makefile")
	if !strings.Contains(pool, "So it is in notes.\n") || !strings.HasSuffix(pool, "\n// Ours.\n") || !strings.Contains(makefile, ", all of it\n") || !strings.HasSuffix(makefile, "echo ours\n") {
		t.Errorf("pool.go and Makefile have not both sides' changes:\n%s\n%s", pool, makefile)
	}
	lint(t, clone)
	command(t, clone, "go", "test", "-run", "MigrateUpDownUp", "./internal/db")
	commit(t, clone)

	write(t, template, "internal/db/pool.go", read(t, template, "internal/db/pool.go")+"\n// Theirs.\n")
	commit(t, template)
	stays(t, clone, checked(template), "these conflict: internal/db/pool.go;")
}

// TestUpgradeSignal: Ctrl-C, which all get, and SIGTERM of make alone, while the tests run, leave the clone as it was, and no
// copy of it behind.
func TestUpgradeSignal(t *testing.T) {
	t.Parallel()
	changed := maps.Clone(next)
	changed["lib/hangs"] = "x\n"
	template, clone := versions(t, changed)
	makefile, err := filepath.Abs("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	command(t, ".", "go", "build", "-o", filepath.Join(clone, "bin", "template"), ".")
	write(t, clone, ".git/info/exclude", "/bin/\n")
	before := whole(t, clone)
	for _, row := range []struct {
		sig   syscall.Signal
		group int // -1: it goes to all of make's group
	}{{syscall.SIGINT, -1}, {syscall.SIGTERM, 1}} {
		cmd := exec.CommandContext(t.Context(), "make", "-f", makefile, "-o", "bin/template", "upgrade", "FROM="+template)
		folder := t.TempDir()
		cmd.Dir, cmd.Env = clone, append(os.Environ(), "TMPDIR="+folder, "MAKEFLAGS=", "MAKELEVEL=0")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		out, err := cmd.StdoutPipe()
		cmd.Stderr = cmd.Stdout
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); { // until the last of them has ended
			fmt.Fprintln(&said, lines.Text())
			if lines.Text() == "hanging" {
				_ = syscall.Kill(row.group*cmd.Process.Pid, row.sig)
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(said.String(), "template: interrupted: nothing is changed\n") {
			t.Errorf("%v: %v, it says %s", row.sig, err, &said)
		}
		if diff := cmp.Diff(before, whole(t, clone)); diff != "" {
			t.Errorf("%v: changed (-before +after)\n%s", row.sig, diff)
		}
		if left, _ := os.ReadDir(folder); len(left) != 0 {
			t.Errorf("%v: %v is left", row.sig, left)
		}
	}
}
