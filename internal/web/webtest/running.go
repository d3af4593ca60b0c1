package webtest

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// Running makes it look as if a POST with an Idempotency-Key were running until stop: it has one begin, takes down which
// lock that holds for its key, has its client leave, and holds the lock itself. So it takes no connection of the pool.
func (s *Server) Running(t testing.TB, table, path, body, key, authorization string) (stop func()) {
	t.Helper()
	tx, err := dbtest.Connect(t, s.Database).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE "+table+" IN EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {key}, "Authorization": {authorization}}
	left := make(chan struct{})
	go func() {
		defer close(left)
		if answer, err := http.DefaultTransport.RoundTrip(req); err == nil {
			t.Errorf("a request that was to wait got %d", answer.StatusCode)
			_ = answer.Body.Close()
		}
	}()
	waits := func() bool {
		return dbtest.Ask[bool](t, s.Database, "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
	}
	dbtest.Eventually(t, "the request waits for the lock", waits)
	lock := dbtest.Ask[int64](t, s.Database, `SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
		WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	leave()
	<-left
	dbtest.Eventually(t, "the request's statement is cancelled", func() bool { return !waits() }) // else it goes on once the table is free
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := dbtest.Connect(t, s.Database)
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock($1)", lock); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_unlock($1)", lock); err != nil {
			t.Error(err)
		}
	}
}
