package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/transcription-api/internal/config/dotenv"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/webtest"
)

// patience is how long a test waits for what must happen, on a machine that is
// slow and shared.
const patience = 30 * time.Second

// TestMain lets the test binary be the program, so that tests can start it as a
// process of its own, signal it and read its exit status. It serves things, which
// are the tests' own, so that no test depends on what the service is today.
func TestMain(m *testing.M) {
	switch os.Getenv("API_TEST_RUN_MAIN") {
	case "things":
		p := program{stdout: os.Stdout, stderr: os.Stderr, api: webtest.New}
		os.Exit(exitStatus(p.run(context.Background(), os.Args[1:], dotenv.Read), os.Stderr))
	case "service":
		main()
	case "background":
		backgroundMain()
	}
	// What is caught here has its own effect in the processes that are started, even where nohup runs the tests.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}

// process is a running api.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	output *dbtest.Log
	exited chan struct{}
}

// start runs the program with exactly these settings, in an empty folder.
func start(t *testing.T, env map[string]string, args ...string) *process {
	t.Helper()
	return startIn(t, t.TempDir(), env, args...)
}

func startIn(t *testing.T, folder string, env map[string]string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return startProgram(t, self, folder, env, args...)
}

func startProgram(t *testing.T, path, folder string, env map[string]string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(path, args...), output: new(dbtest.Log), exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.run(folder, env)
	return p
}

// startWith runs the program with an output of the test's own.
func startWith(t *testing.T, env map[string]string, out *os.File) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(self), output: new(dbtest.Log), exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.run(t.TempDir(), env)
	return p
}

// run starts the process, which is killed at the latest when the test ends.
func (p *process) run(folder string, env map[string]string) {
	t := p.t
	t.Helper()
	p.cmd.Dir = folder
	p.cmd.Env = []string{"API_TEST_RUN_MAIN=things", "PORT=0"}
	for name, value := range env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		if t.Failed() {
			t.Logf("output:\n%s", p.output)
		}
	})
}

// status waits for the end and returns the exit status; -1 means by a signal.
func (p *process) status() int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatal("the process did not end")
		return 0
	}
}

func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// url waits until the API listens.
func (p *process) url() string {
	p.t.Helper()
	return p.await(`listening"? ?,?"?url"?[=:]"?(http://[^\s"]+)`)[1]
}

// await waits until the output matches.
func (p *process) await(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	var match []string
	p.until("output "+pattern, func() bool {
		match = re.FindStringSubmatch(p.output.String())
		return match != nil
	})
	return match
}

// until polls for a condition, as long as the process lives.
func (p *process) until(what string, done func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		select {
		case <-p.exited:
			if done() {
				return
			}
			p.t.Fatalf("%s: the process ended before", what)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// answer is an HTTP answer read to its end.
type answer struct {
	status int
	header http.Header
	close  bool
	body   string
}

// send makes one request; its error is returned, since some tests expect one.
func send(ctx context.Context, client *http.Client, method, url, body string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	data, err := io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	return answer{response.StatusCode, response.Header, response.Close, string(data)}, err
}

// get is send for requests that must succeed.
func get(t *testing.T, url string) answer {
	t.Helper()
	a, err := send(t.Context(), http.DefaultClient, http.MethodGet, url, "")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// metric reads one figure from ADMIN_ADDR, which must be set.
func metric(t *testing.T, p *process, name string) float64 {
	t.Helper()
	text := get(t, p.await(`admin=(http://\S+)`)[1]+"/metrics").body
	match := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("no %s in /metrics", name)
	}
	value, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}
