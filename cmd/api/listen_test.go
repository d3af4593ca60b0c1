package main

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestGreeting pastes the first line to try, where a wildcard is listened on.
func TestGreeting(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"DATABASE_URL": dbtest.Things(t), "HOST": "0.0.0.0"})
	docs := p.await(`API: (http://127\.0\.0\.1:\d+/docs)`)[1]
	if a := get(t, docs); a.status != http.StatusOK {
		t.Errorf("%s: %d", docs, a.status)
	}
	line := p.await(`(?m)^  (curl .*)$`)[1]
	if strings.Contains(p.output.String(), "openapi.json") {
		t.Errorf("a request nobody has made is in the log:\n%s", p.output)
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", line+" -s -i").Output()
	if err != nil || !strings.HasPrefix(string(out), "HTTP/1.1 201 ") {
		t.Errorf("%s: %v\n%s", line, err, out)
	}
}

// TestGreetingKeepsKeys: what to paste has a place for a key, and no key.
func TestGreetingKeepsKeys(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"DATABASE_URL": dbtest.Things(t), "API_KEYS": "s3cret-s3cret-s3cret-s3cret"})
	p.await(`(?m)^  curl .*Bearer \$API_KEY`)
	if strings.Contains(p.output.String(), "s3cret") {
		t.Error("a key is in the output")
	}
}

// TestHealthAsksNoProxy has a proxy that says yes to everything, as images get one from their host: api health asks the
// server itself, at an address that nobody has.
func TestHealthAsksNoProxy(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy is asked") }))
	defer proxy.Close()
	p := start(t, map[string]string{"HOST": "240.0.0.1", "PORT": "8080", "HTTP_PROXY": proxy.URL, "http_proxy": proxy.URL}, "health")
	if status := p.status(); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
}
