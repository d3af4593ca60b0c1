package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
)

const newThing = `{"title":"Interview","link":"https://example.com/a.wav"}`

func TestServe(t *testing.T) {
	t.Parallel()
	database := dbtest.Empty(t)
	p := start(t, map[string]string{"DATABASE_URL": database, "ADMIN_ADDR": "127.0.0.1:0"})
	base := p.url()
	dbtest.AddThings(t, database)
	created, err := send(t.Context(), http.DefaultClient, http.MethodPost, base+"/things", newThing)
	if err != nil || created.status != http.StatusCreated {
		t.Fatalf("POST /things: %v %v", created, err)
	}
	if a := get(t, base+created.header.Get("Location")); a.body != created.body {
		t.Errorf("got %s, want %s", a.body, created.body)
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(base, "http://"))
	if probe := start(t, map[string]string{"PORT": port}, "health"); probe.status() != 0 {
		t.Error("api health: not 0")
	}
	admin := p.await(`admin=(http://\S+)`)[1]
	metrics := get(t, admin+"/metrics").body
	for _, line := range []string{
		`http_requests_total{method="POST",route="/things",status="201"} 1`,
		"db_pool_size 5", "db_pool_acquires_total 2", "process_open_fds", "go_goroutines",
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %q in /metrics", line)
		}
	}
	p.signal(syscall.SIGTERM)
	if status := p.status(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}

// TestAttempts starts against a port where nobody listens: each attempt is
// logged, and there is no delay after the last.
func TestAttempts(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{
		"DATABASE_URL": "postgres://u:s3cret@127.0.0.1:1/d", "DB_CONNECT_RETRIES": "3", "DB_CONNECT_RETRY_DELAY": "0.1",
	}, "check")
	if status := p.status(); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	out := p.output.String()
	for _, part := range []string{"attempt 1 of 3", "attempt 2 of 3", "attempt 3 of 3", "✗ Database connection failed: ", "connection refused"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in the output", part)
		}
	}
	if strings.Contains(out, "s3cret") || strings.Contains(out, "attempt 4") {
		t.Errorf("a password or a fourth attempt in the output")
	}
}

// TestSignalDuringStartUp has a server that takes connections and never answers.
func TestSignalDuringStartUp(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	p := start(t, map[string]string{"DATABASE_URL": "postgres://u@" + silent.Addr().String() + "/d", "DB_CONNECT_TIMEOUT": "60"})
	if _, err := silent.Accept(); err != nil {
		t.Fatal(err)
	}
	sent := time.Now()
	p.signal(syscall.SIGINT)
	if status := p.status(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	if took := time.Since(sent); took > 10*time.Second { // 2 s, on a machine with time to spare
		t.Errorf("ended after %v", took)
	}
}

// TestDotenv shows that .env fills in what the environment does not set, and
// that it need not be there.
func TestDotenv(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p := startIn(t, folder, map[string]string{"DATABASE_URL": dbtest.Empty(t)}, "check")
	if status := p.status(); status != 0 {
		t.Errorf("without .env: exit status %d, want 0", status)
	}
	settings := []byte("DB_POOL_SIZE=nonsense\nDATABASE_URL=nonsense\n")
	if err := os.WriteFile(filepath.Join(folder, ".env"), settings, 0o600); err != nil {
		t.Fatal(err)
	}
	p = startIn(t, folder, map[string]string{"DATABASE_URL": dbtest.Empty(t)}, "check")
	if status := p.status(); status != 2 {
		t.Errorf("with a bad .env: exit status %d, want 2", status)
	}
	if out := p.output.String(); !strings.Contains(out, "DB_POOL_SIZE: ") || strings.Contains(out, "DATABASE_URL: ") {
		t.Errorf("want the mistake in DB_POOL_SIZE alone:\n%s", out)
	}
}

// TestBudgetInDev: what ends the process in production is a warning in dev.
func TestBudgetInDev(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"DATABASE_URL": dbtest.Things(t), "DB_INSTANCES": "1000"})
	p.url() // it listens
	p.await(`level=WARN msg="connection budget exceeded: the pools may open 15000 connections, the server allows \d+: `)
}

// TestBudgetBeforePool: the refusal does not wait for a pool that the server can not hold.
func TestBudgetBeforePool(t *testing.T) {
	t.Parallel()
	proxy := dbtest.NewProxy(t, dbtest.Things(t))
	const size = 30
	p := start(t, map[string]string{
		"DATABASE_URL": proxy.URL(), "ENVIRONMENT": "production", "DB_POOL_SIZE": fmt.Sprint(size), "DB_INSTANCES": "1000",
	})
	if status := p.status(); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	p.await(`connection budget exceeded: the pools may open 40000 connections, the server allows \d+: `)
	if n := proxy.Accepted(); n >= size {
		t.Errorf("%d connections were opened: the pool's too", n)
	}
}

func TestAutoMigrateOff(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"DATABASE_URL": dbtest.Empty(t), "AUTO_MIGRATE": "false"})
	if a := get(t, p.url()+"/things"); a.status != http.StatusInternalServerError {
		t.Errorf("status %d, want 500: there is no table", a.status)
	}
	if strings.Contains(p.output.String(), "migrated") {
		t.Error("migrated nevertheless")
	}
	if a := get(t, p.url()+"/things"); strings.Contains(a.body, "42P01") || strings.Contains(a.body, "does not exist") {
		t.Errorf("the answer tells the cause: %s", a.body)
	}
	p.await("42P01")
}

// TestStrangeName: in dev a web page whose name leads here is refused; in production names are the proxy's business.
func TestStrangeName(t *testing.T) {
	t.Parallel()
	for environment, want := range map[string]int{"dev": http.StatusMisdirectedRequest, "test": http.StatusMisdirectedRequest, "production": http.StatusOK} {
		p := start(t, map[string]string{"DATABASE_URL": dbtest.Empty(t), "ENVIRONMENT": environment, "HOST": "127.0.0.1"})
		for host, want := range map[string]int{"evil.example": want, "localhost:8080": http.StatusOK} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url()+"/health/live", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s: %d for the Host %s, want %d", environment, resp.StatusCode, host, want)
			}
		}
	}
}
