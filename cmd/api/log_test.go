package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestLogLines runs the service as in production: all that it prints, from the
// settings to the stop, is JSON, and no secret is in it.
func TestLogLines(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{
		"ENVIRONMENT": "production", "HOST": "127.0.0.1", "SHUTDOWN_DELAY": "0", "AUTO_MIGRATE": "true",
		"DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "1", "DB_POOL_TIMEOUT": "7", "API_KEYS": "k3y-s3cret", "LOG_LEVEL": "debug",
		"DATABASE_URL": with(t, dbtest.Empty(t), func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "pass-s3cret") }),
	})
	base := p.url()
	if a := get(t, base+"/things?token=s3cret"); a.status != http.StatusUnauthorized {
		t.Errorf("GET /things: %d, want 401", a.status)
	}
	if a := get(t, base+"/health/db"); a.status != http.StatusOK {
		t.Errorf("GET /health/db: %d", a.status)
	}
	p.signal(syscall.SIGTERM)
	if status := p.status(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	output := p.output.String()
	if strings.Contains(output, "s3cret") {
		t.Error("a secret is in the log")
	}
	first := map[string]map[string]any{}
	for line := range strings.Lines(output) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("not JSON: %s", line)
			continue
		}
		if message, ok := fields["msg"].(string); ok && first[message] == nil {
			first[message] = fields
		}
	}
	for _, message := range []string{"starting", "migrated", "listening", "request", "draining", "stopped"} {
		if first[message] == nil {
			t.Errorf("no line %q", message)
		}
	}
	settings, _ := first["starting"]["settings"].(map[string]any)
	for name, want := range map[string]any{"ENVIRONMENT": "production", "DB_POOL_SIZE": 1.0, "DB_POOL_TIMEOUT": "7s", "REQUEST_TIMEOUT": "1m0s"} {
		if settings[name] != want {
			t.Errorf("%s is %v in the settings shown, want %v", name, settings[name], want)
		}
	}
}

// TestLogInDev is text, for people; and probes are not in it.
func TestLogInDev(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"DATABASE_URL": dbtest.Things(t)})
	base := p.url()
	for _, path := range []string{"/health/live", "/health/ready", "/health/db", "/things"} {
		if a := get(t, base+path); a.status != http.StatusOK {
			t.Errorf("GET %s: %d", path, a.status)
		}
	}
	p.await(`level=INFO msg=request method=GET path=/things route=/things status=200 bytes=\d+ ms=[\d.]+ client=127.0.0.1 db_queries=1 db_ms=[\d.]+ request_id=\w+`)
	if strings.Contains(p.output.String(), "/health/") {
		t.Error("probes are logged at info")
	}
}
