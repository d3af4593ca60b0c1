package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type row struct{ command, file, text string }

// ran says where each command that make help lists, or that a document names, is really run: the file there has this
// text, or the command itself. One that ends in … stands for all that begin so.
var ran = []row{
	{"make help", "cmd/api/targets_test.go", `runMake(t, "help")`},
	{"make init", "cmd/template/init_test.go", `"make", "-s", "init", "MODULE=`},
	{`make init MODULE=example.org/you/notes HOLDER="Your name"`, "cmd/template/init_test.go", `"init", "MODULE=example.org/you/notes", "HOLDER=`},
	{"git init && git add -A && git commit -m Start", "cmd/template/init_test.go", ""},
	{"make resource", "cmd/template/drop_test.go", `"make", "-s", "resource"`},
	{"make resource NAME=note", "cmd/template/drop_test.go", `"make", "-s", "resource", "NAME=note"`},
	{"make drop-example", "cmd/template/drop_test.go", `"make", "-s", "drop-example"`},
	{"make upgrade", "cmd/template/upgrade_template_test.go", `"make", "-s", "upgrade", "FROM="`},
	{"git clone", "cmd/template/upgrade_template_test.go", `"git", "clone"`},
	{"go mod tidy", "cmd/template/drop_test.go", `"go", "mod", "tidy"`},
	{"git restore . && git clean -d -i", "cmd/template/upgrade_clone_test.go", ""},
	{"make migration", "cmd/template/targets_test.go", `"make", "-s", "migration"`},
	{"make migration NAME=create_notes", "cmd/template/targets_test.go", `"migration", "NAME=create_notes"`},
	{"make migration NAME=add_priority", "cmd/template/targets_test.go", `"migration", "NAME=add_priority"`},

	{"make run", fresh, ""},
	{"make dev", fresh, ""},
	{"make psql", fresh, ""},
	{"make seed", fresh, ""},
	{"make db-reset", fresh, ""},
	{"make format", fresh, ""},
	{"make bench-micro", fresh, ""},
	{"make build", fresh, ""},
	{"make bench", fresh, ""},
	{"make bench ARGS=-quick", fresh, "make bench ARGS='-quick "},
	{"make bench ARGS=-growth", "bench/contest_test.go", "contest.Grow("},
	{"make bench ARGS=-model", "bench/contest_test.go", "contest.Predict("},
	{"make ha", fresh, ""},
	{"make ha ARGS='-port 21000 -ttl 20 -clients 100'", fresh, "make ha ARGS='-port 21000 -ttl 20 -clients 100"},
	{"./bin/devdb -- ./bin/api check", fresh, ""},
	{"DB_MIGRATE_LOCK_TIMEOUT=30m api migrate", fresh, "DB_MIGRATE_LOCK_TIMEOUT=30m ./bin/devdb -- ./bin/api migrate"},
	{"curl /health/ready", fresh, `curl -fsS "+url+"/health/ready`},
	{"curl ADMIN_ADDR/debug/pprof/goroutine?debug=2", fresh, `"/debug/pprof/goroutine?debug=2`},
	{"go tool pprof http://ADMIN_ADDR/debug/pprof/profile?seconds=30", fresh, `"/debug/pprof/profile?seconds=`},
	{"curl -s http://127.0.0.1:8080/…", "cmd/api/readme_test.go", "ran != all"},

	{"make lint", ".ci/run", ""},
	{"make test", ".ci/run", ""},
	{"make lint test", ".ci/run", "make lint"},
	{"make test PKG=./internal/models", "cmd/template/upgrade_template_test.go", `"PKG=./internal/`},
	{"make test-faults", ".ci/run", ""},
	{"make test-template", ".ci/run", ""},
	{"make test-clients", ".ci/run", ""},
	{"make test-bench", ".ci/run", ""},
	{"make test-ha", ".ci/run", ""},
	{"make test-ops", workflow, targetsThere},
	{"make fuzz", workflow, targetsThere},
	{"make vuln", workflow, targetsThere},
	{"make dist", ".github/workflows/release.yml", ""},
	{"make screenshots", "cmd/api/screenshots_test.go", "func TestScreenshots("}, // into another folder
	{"apt-get install --no-install-recommends etcd-server patroni haproxy pgbouncer postgresql", ".ci/missing", "have etcd || echo etcd-server"},

	{"api", "cmd/api/readme_test.go", `start(t, map[string]string{"DATABASE_URL": dbtest.New(t), "API_TEST_RUN_MAIN": "service"})`},
	{"api serve", "cmd/api/signals_test.go", `self, "serve")`},
	{"api check", "cmd/api/commands_test.go", `{"check", 0,`},
	{"api work", "cmd/api/work_test.go", `start(t, env, "work")`},
	{"api migrate", "cmd/api/commands_test.go", `{"migrate", "applied "`},
	{"api migrate [up|down|status]", "cmd/api/commands_test.go", `{"migrate down", "rolled back "`},
	{"api migrate --dry-run", "cmd/api/commands_test.go", `{"migrate --dry-run", "would apply`},
	{"api migrate status", "cmd/api/commands_test.go", `{"migrate status", 0,`},
	{"api health", "cmd/api/serve_test.go", `"health"); probe.status() != 0`},
	{"api version", "cmd/api/commands_test.go", `{"version", 0,`},
	{"export DATABASE_URL=postgres://… ENVIRONMENT=production", "cmd/api/faults_chroot_test.go", `"ENVIRONMENT": "production"}`},
	{"./bin/api migrate && ./bin/api", fresh, ""},
}

const (
	fresh        = "cmd/template/fresh_test.go"
	workflow     = ".github/workflows/ci.yml"
	targetsThere = "target: [build, fuzz, test-ops, test-template, vuln]"
)

// notRun are commands that no test can run, with the reason.
var notRun = map[string]string{
	"make upgrade FROM=https://example.com/the-template.git@v1.2":           "the address is made up; TestUpgrade has a folder",
	"make upgrade FROM=https://example.com/the-template.git@v1.2 DRY_RUN=1": "the same",
	"docker compose --profile work up":                                      "it needs a container engine; make test-ops reads compose.yaml with each profile",
	"go test -tags ha -run Measure -v ./ops/ha":                             "it measures for minutes, on a cluster; make lint compiles it",
}

// TestCommands: each command that make help lists, or that a document names, is run somewhere, so that none rots.
func TestCommands(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("../../" + marker); err != nil {
		t.Skip("this clone has its name, and says in its documents what it likes")
	}
	named := listed(t)
	for _, pattern := range []string{"*.md", "docs/*.md", "ops/*/*.md"} {
		documents, err := filepath.Glob("../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range documents {
			if filepath.Base(document) == "CHANGELOG.md" { // which tells of what was
				continue
			}
			for _, command := range commandsIn(readText(t, "", document)) {
				named[command] = strings.TrimPrefix(document, "../../")
			}
		}
	}
	used := map[string]bool{}
	for command, by := range named {
		at := slices.IndexFunc(ran, func(r row) bool {
			begin, all := strings.CutSuffix(r.command, "…")
			return r.command == command || all && strings.HasPrefix(command, begin)
		})
		switch {
		case at >= 0:
			used[ran[at].command] = true
			checkRan(t, ran[at])
		case notRun[command] == "":
			t.Errorf("%s has %q, which no test runs: add it to TestFreshClone in %s, or to another test, and to the list in cmd/template/commands_test.go", by, command, fresh)
		}
	}
	checkUsed(t, named, used)
}

var comment = regexp.MustCompile(`(?m)(^|\s)(//|#) .*$`)

// checkRan looks for what runs a command, in the file that is said to. A text that is the command is a whole word, as make
// test is not in make test-faults; and none is in a comment.
func checkRan(t *testing.T, r row) {
	t.Helper()
	pattern := regexp.QuoteMeta(r.text)
	if pattern == "" {
		pattern = regexp.QuoteMeta(r.command) + `([^\w-]|$)`
	}
	if !regexp.MustCompile(pattern).MatchString(comment.ReplaceAllString(readText(t, "../..", r.file), "")) {
		t.Errorf("%q: %s does not have %s any more, which ran it", r.command, r.file, pattern)
	}
}

// checkUsed: without the example some commands are gone, and their rows are not.
func checkUsed(t *testing.T, named map[string]string, used map[string]bool) {
	t.Helper()
	if _, err := os.Stat("../../" + exampleFile); err != nil {
		return
	}
	for _, r := range ran {
		if !used[r.command] {
			t.Errorf("%q is in the list, and no document has it, nor make help", r.command)
		}
	}
	for command := range notRun {
		if named[command] == "" {
			t.Errorf("%q is not run, and no document has it", command)
		}
	}
}

// listed are the targets of make help.
func listed(t *testing.T) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-C", "../..", "help")
	cmd.Env = append(cmd.Environ(), "MAKEFLAGS=", "MAKELEVEL=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^  (make [a-z-]+) `).FindAllStringSubmatch(string(out), -1) {
		named[match[1]] = "make help"
	}
	if len(named) < 15 {
		t.Errorf("make help lists only %d targets", len(named))
	}
	return named
}

var (
	fence       = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```")
	prompted    = regexp.MustCompile(`(?m)^\$ (.+)$`)
	script      = regexp.MustCompile(`(?m)^([^#\s].*)$`)
	indented    = regexp.MustCompile(`(?m)^    (\S.*?)( +# .*)?$`)
	inline      = regexp.MustCompile("`([^`]+)`")
	commandLine = regexp.MustCompile(`^([A-Z_]+=\S+ )*((api|\./\S+)( .+)?|(make|api|curl|go|docker|kubectl|git|apt-get) .+)$`)
)

// commandsIn are those after a prompt in a block, the lines of a script, those of indented blocks, and those within the text.
func commandsIn(document string) (commands []string) {
	for _, block := range fence.FindAllStringSubmatch(document, -1) {
		lines := prompted
		if strings.HasSuffix(block[1], "sh") { // sh, bash
			lines = script
		}
		for _, match := range lines.FindAllStringSubmatch(block[2], -1) {
			commands = append(commands, match[1])
		}
	}
	prose := fence.ReplaceAllString(document, "")
	for _, match := range slices.Concat(indented.FindAllStringSubmatch(prose, -1), inline.FindAllStringSubmatch(prose, -1)) {
		command := strings.Join(strings.Fields(strings.ReplaceAll(match[1], `\|`, "|")), " ")
		if commandLine.MatchString(command) {
			commands = append(commands, command)
		}
	}
	return commands
}
