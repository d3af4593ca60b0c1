package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db/dbtest"
)

// blocked starts the API with one item whose row another client has locked, and
// a PATCH that waits for it.
func blocked(t *testing.T, env map[string]string) (p *process, lock pgx.Tx, patch chan answer) {
	t.Helper()
	return blockedBy(t, env, func(env map[string]string) *process { return start(t, env) })
}

// blockedBy is blocked for an API that is started in a way of the test's own.
func blockedBy(t *testing.T, env map[string]string, start func(map[string]string) *process) (p *process, lock pgx.Tx, patch chan answer) {
	t.Helper()
	env["DATABASE_URL"] = dbtest.New(t)
	p = start(env)
	base := p.url()
	created, err := send(t.Context(), http.DefaultClient, http.MethodPost, base+"/items", newItem)
	if err != nil {
		t.Fatal(err)
	}
	conn := dbtest.Connect(t, env["DATABASE_URL"])
	if lock, err = conn.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), "SELECT FROM items FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	patch = make(chan answer, 1)
	go func() {
		a, err := send(context.WithoutCancel(t.Context()), new(http.Client), http.MethodPatch, base+created.header.Get("Location"), `{"title":"New"}`)
		if err != nil {
			a.body = err.Error()
		}
		patch <- a
	}()
	watch := dbtest.Connect(t, env["DATABASE_URL"])
	p.until("the PATCH waits for the lock", func() bool {
		var waiting int
		err := watch.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&waiting)
		return err == nil && waiting == 1
	})
	return p, lock, patch
}

// TestDrain: ready says 503, the listener closes, the request in flight
// finishes with Connection: close, the process exits 0.
func TestDrain(t *testing.T) {
	t.Parallel()
	p, lock, patch := blocked(t, map[string]string{"SHUTDOWN_DELAY": "4"})
	base := p.url()
	p.signal(syscall.SIGTERM)
	p.until("ready says 503", func() bool { return get(t, base+"/health/ready").status == http.StatusServiceUnavailable })
	if a := get(t, base+"/health/live"); a.status != http.StatusOK || !a.close {
		t.Errorf("while draining: %+v, want 200 and Connection: close", a)
	}
	p.until("the listener closes", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := <-patch; a.status != http.StatusOK || !a.close {
		t.Errorf("the request in flight got %+v, want 200 and Connection: close", a)
	}
	if status := p.status(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}

// TestShutdownTimeout: what still runs is rolled back, and the process exits 1.
func TestShutdownTimeout(t *testing.T) {
	t.Parallel()
	p, lock, patch := blocked(t, map[string]string{"SHUTDOWN_TIMEOUT": "0.2"})
	p.signal(syscall.SIGTERM)
	if a := <-patch; a.status != http.StatusServiceUnavailable {
		t.Errorf("the request in flight got %+v, want 503", a)
	}
	if status := p.status(); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	var title string
	if err := lock.QueryRow(t.Context(), "SELECT title FROM items").Scan(&title); err != nil || title != "Interview" {
		t.Errorf("title %q, %v: want it unchanged", title, err)
	}
}

func TestSecondSignal(t *testing.T) {
	t.Parallel()
	p, _, _ := blocked(t, map[string]string{})
	p.signal(syscall.SIGTERM)
	p.await("draining")
	sent := time.Now()
	p.signal(syscall.SIGTERM)
	p.status()
	if took := time.Since(sent); took > 10*time.Second { // SHUTDOWN_TIMEOUT is 30 s
		t.Errorf("ended %v after the second signal", took)
	}
}
