//go:build template

package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestFreshClone runs the everyday commands in a fresh clone, as somebody would who has just made it, and looks at what
// they did. Where the others are run: commands_test.go.
func TestFreshClone(t *testing.T) {
	t.Parallel()
	dbtest.Program(t, "postgresql-client", "psql")
	dbtest.Program(t, "curl", "curl")
	c := freshClone(t)
	c.format()
	c.operate(c.begin("make run"))
	c.develop(c.begin("make dev"))
	c.says("make bench-micro ARGS='-benchtime 1x ./internal/web -args'", `BenchmarkBind\S*\s+1\s.* allocs/op`) // the rest of the line is -args
	c.says("make build && ./bin/api version", `api \w+, commit `+strings.TrimSpace(command(t, c.root, "git", "rev-parse", "HEAD")))
	built := c.begin("./bin/devdb -throwaway -- sh -c './bin/api migrate && ./bin/api'")
	built.end(built.url(1))
	if c.has("bench") {
		c.says("make bench ARGS='-quick -service /usr/bin/true'", `bench: .*items`) // one without items: there is nothing to compare
	}
	if c.has("ha") {
		c.says("make ha ARGS='-port 21000 -ttl 20 -clients 100 -h' || [ $? = 2 ]", `\A(still building.*\n)*Usage of ha:`) // it takes what is before -h
	}
	if left := command(t, c.root, "git", "status", "--porcelain"); left != "" {
		t.Errorf("this is changed:\n%s", left)
	}
}

// clone is a fresh one, with nothing but what git knows.
type clone struct {
	t    *testing.T
	root string
}

func freshClone(t *testing.T) clone {
	t.Helper()
	root := filepath.Join(t.TempDir(), "clone")
	command(t, "", "git", "clone", "-q", copyTree(t), root)
	return clone{t, root}
}

// has tells whether make has a target, which an example that is gone has taken along.
func (c clone) has(target string) bool {
	return strings.Contains(read(c.t, c.root, "Makefile"), "\n"+target+":")
}

// shell is a command in a process group of its own, as a terminal starts it, without the settings around this test.
func (c clone) shell(script string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), "sh", "-c", script)
	cmd.Dir, cmd.SysProcAttr = c.root, &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=0", "DATABASE_URL=", "API_KEYS=", "ENVIRONMENT=dev", "HOST=127.0.0.1", "PORT=0", "ADMIN_ADDR=127.0.0.1:0", "PPROF_TMPDIR="+c.t.TempDir())
	return cmd
}

// says wants a command to succeed, and to print what matches.
func (c clone) says(script, want string) []string {
	c.t.Helper()
	out, err := c.shell(script).CombinedOutput()
	match := regexp.MustCompile(want).FindStringSubmatch(string(out))
	if err != nil || match == nil {
		c.t.Fatalf("%s: %v, want %s in\n%s", script, err, want, out)
	}
	return match
}

// format undoes what is badly formatted.
func (c clone) format() {
	c.t.Helper()
	text := read(c.t, c.root, mainFile)
	write(c.t, c.root, mainFile, strings.Replace(text, "package main", "package  main", 1))
	c.says("make format", "")
	if got := read(c.t, c.root, mainFile); got != text {
		c.t.Errorf("it has formatted this:\n%s", got)
	}
}

// operate uses the service of make run and its database, and ends it.
func (c clone) operate(s running) {
	c.t.Helper()
	folder := c.says("echo 'SHOW data_directory' | make psql", `(?m)^ (/.*)/data$`)[1]
	c.t.Cleanup(func() { _ = os.RemoveAll(folder) }) // root's is outside of the clone
	url, admin := s.url(1), s.await(`admin=(http://\S+)`)[1]
	c.says("curl -fsS "+url+"/health/ready", `"ready"|"ok"`)
	c.says("curl -fsS '"+admin+"/debug/pprof/goroutine?debug=2'", `goroutine 1 `)
	c.says("go tool pprof -top '"+admin+"/debug/pprof/profile?seconds=1'", `Type: cpu`)
	c.says("./bin/devdb -- ./bin/api check", `(?m)^✓ Database connection successful$`)
	c.says("DB_MIGRATE_LOCK_TIMEOUT=30m ./bin/devdb -- ./bin/api migrate", `nothing to apply`)
	if c.has("seed") {
		c.says("make seed N=7", `7 items added`)
		c.says("echo 'SELECT count(*) FROM items' | make psql", `(?m)^ +7$`)
	}
	const tables = `echo "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'" | make psql`
	c.says(tables, `(?m)^ +[1-9]\d*$`)
	c.says("make db-reset", `emptied`)
	c.says(tables, `(?m)^ +0$`)
	s.end(url)
	if _, err := os.Stat(filepath.Join(folder, "data", "postmaster.pid")); err == nil {
		c.t.Error("PostgreSQL still runs")
	}
}

// develop changes a setting under make dev, which migrates the emptied database and starts again.
func (c clone) develop(s running) {
	c.t.Helper()
	s.url(1)
	s.await(`migrat`)
	write(c.t, c.root, ".env", "LOG_LEVEL=debug\n")
	s.await(`dev: \S*\.env has changed`)
	s.end(s.url(2))
}

// running is a service that a target has started.
type running struct {
	t      *testing.T
	cmd    *exec.Cmd
	output *dbtest.Log
	ended  chan struct{}
}

func (c clone) begin(script string) running {
	c.t.Helper()
	r := running{c.t, c.shell("exec " + script), new(dbtest.Log), make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = r.output, r.output
	if err := r.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() { _ = r.cmd.Wait(); close(r.ended) }()
	c.t.Cleanup(func() {
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGTERM)
		<-r.ended
	})
	return r
}

// await waits for the output of what may have to be built first.
func (r running) await(pattern string) []string {
	r.t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if match := regexp.MustCompile(pattern).FindStringSubmatch(r.output.String()); match != nil {
			return match
		}
		select {
		case <-r.ended:
			r.t.Fatalf("%s has ended, without %s:\n%s", r.cmd, pattern, r.output)
		default:
		}
	}
	r.t.Fatalf("%s does not say %s:\n%s", r.cmd, pattern, r.output)
	return nil
}

// url is where the service listens after its nth start.
func (r running) url(nth int) string {
	r.t.Helper()
	return r.await(strings.Repeat(`(?s:listening url=.*)`, nth-1) + `listening url=(http://\S+)`)[1]
}

// end is Ctrl-C, which all of the group get, after a last request.
func (r running) end(url string) {
	r.t.Helper()
	answer, err := http.Get(url + "/docs")
	if err != nil || answer.StatusCode != http.StatusOK {
		r.t.Fatalf("GET /docs: %v, %v", answer, err)
	}
	answer.Body.Close()
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGINT)
	<-r.ended
	r.await(`msg=stopped`)
	if answer, err := http.Get(url + "/docs"); err == nil {
		answer.Body.Close()
		r.t.Error("it still answers")
	}
}
