//go:build faults

package main

import (
	"net/http"
	"syscall"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestFaultOnePool counts every connection after the start: neither the test of
// the connection nor the migrations keep one, and there is no second pool.
func TestFaultOnePool(t *testing.T) {
	t.Parallel()
	url := dbtest.Empty(t)
	// Without garbage collection, which would close a connection that nobody holds.
	p := start(t, map[string]string{"DATABASE_URL": url, "DB_POOL_SIZE": "3", "DB_OVERFLOW_IDLE": "0.5", "GOGC": "off"})
	p.url()
	dbtest.AddThings(t, url)
	p.until("three connections", func() bool { return count(t, url, everybody) == 3 })
	l := startLoad(t, p, 30, 0)
	for range 20 {
		if n := count(t, url, everybody); n > 13 {
			t.Errorf("%d connections, want 13 at most", n)
		}
	}
	l.stop()
	l.expect(t, answerLimit, http.StatusOK, http.StatusCreated)
	p.until("three connections again", func() bool { return count(t, url, everybody) == 3 })
	p.signal(syscall.SIGTERM)
	if status := p.status(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	dbtest.Eventually(t, "no connection", func() bool { return count(t, url, everybody) == 0 })
}

// TestFaultStartBeforeDatabase starts the API while the database is down: each
// attempt connects anew, so that it serves once the database is up.
func TestFaultStartBeforeDatabase(t *testing.T) {
	t.Parallel()
	server := startPostgres(t, nil)
	if err := server.Halt(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := start(t, map[string]string{"DATABASE_URL": server.URL(), "DB_CONNECT_RETRIES": "200", "DB_CONNECT_RETRY_DELAY": "0.1"})
	p.await("attempt 2 of 200")
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	posts(t, p, 5, http.StatusCreated)
}
