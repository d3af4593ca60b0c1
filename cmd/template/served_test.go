//go:build template

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// lint is the quick part of make lint, for code that staticcheck has seen here.
func lint(t *testing.T, root string) {
	t.Helper()
	command(t, root, "go", "vet", "./...")
	command(t, root, "./.ci/imports")
	command(t, root, "./.ci/links")
	if out := command(t, root, "go", "tool", "-modfile=tools.mod", "gofumpt", "-l", "."); out != "" {
		t.Errorf("not formatted:\n%s", out)
	}
}

// resourceTests are those that a resource can break: its own, and the machinery's that look at all routes and migrations.
func resourceTests(t *testing.T, root string) {
	t.Helper()
	command(t, root, "go", "test", "./internal/handlers/...", "./internal/models/...", "./internal/web/openapi", "./cmd/api")
	command(t, root, "go", "test", "-run", "MigrateUpDownUp", "./internal/db")
}

// service is the API of a tree, built and started, on an empty database.
type service struct{ url string }

func serve(t *testing.T, root string) service {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "api")
	command(t, root, "go", "build", "-o", binary, "./cmd/api")
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Dir = t.TempDir() // without .env
	cmd.Env = append(os.Environ(), "DATABASE_URL="+dbtest.Empty(t), "PORT=0", "HOST=127.0.0.1", "ENVIRONMENT=test", "API_KEYS=", "AUTO_MIGRATE=true")
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var said []string
	log := bufio.NewScanner(stderr)
	for log.Scan() {
		var line struct{ Msg, URL string }
		if json.Unmarshal(log.Bytes(), &line) == nil && line.Msg == "listening" {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return service{line.URL}
		}
		said = append(said, log.Text())
	}
	t.Fatalf("the service does not listen: %s", strings.Join(said, "\n"))
	return service{}
}

// reply is an answer with what tests look at.
type reply struct {
	status         int
	body           string
	etag, location string
	json           map[string]any
}

// do sends a request, with JSON if there is a body; headers are "Name: value".
func (s service) do(t *testing.T, method, path, body string, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{status: answer.StatusCode, body: string(text), etag: answer.Header.Get("ETag"), location: answer.Header.Get("Location")}
	_ = json.Unmarshal(text, &r.json) // a page of HTML is none
	return r
}

// want sends a request and checks its answer's status and that its body contains a text.
func (s service) want(t *testing.T, status int, contains, method, path, body string, headers ...string) reply {
	t.Helper()
	r := s.do(t, method, path, body, headers...)
	if r.status != status || !strings.Contains(r.body, contains) {
		t.Errorf("%s %s %s: %d %s\nwant %d %s", method, path, body, r.status, r.body, status, contains)
	}
	return r
}
