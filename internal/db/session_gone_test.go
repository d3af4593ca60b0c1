package db_test

import (
	"context"
	"errors"
	"testing"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

var errSessionGone = errors.New("the caller is gone")

// sessionSame checks that the pool still has its one connection, and has opened no other.
func sessionSame(t *testing.T, conn *db.DB, pid int) {
	t.Helper()
	_, tx := sessionNew(t, conn, t.Context())
	if again := sessionPID(t, tx); again != pid {
		t.Errorf("the connection was lost: backend %d, was %d", again, pid)
	}
	if c := conn.Counters(); c.Opened != 1 || c.Invalidated != 0 {
		t.Errorf("%d connections were opened and %d invalidated, want 1 and 0", c.Opened, c.Invalidated)
	}
}

// TestSessionCallerGoneInAStatement: the statement is cancelled, and its connection stays. A machine so slow that PostgreSQL
// needs more than half a second to cancel loses it rightly, so it gets several tries.
func TestSessionCallerGoneInAStatement(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	for range 5 {
		before := conn.Counters()
		pid := sessionGoneInAStatement(t, conn, url)
		if n := sessionRows(t, url); n != 0 {
			t.Errorf("%d rows", n)
		}
		s, tx := sessionNew(t, conn, t.Context())
		same := sessionPID(t, tx) == pid
		s.Rollback()
		if same && conn.Counters().Invalidated == before.Invalidated {
			return
		}
	}
	t.Error("each time the connection was lost")
}

func sessionGoneInAStatement(t *testing.T, conn *db.DB, url string) (pid int) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	s, tx := sessionNew(t, conn, ctx)
	sessionMust(t, sessionInsert(tx, "a"))
	pid = sessionPID(t, tx)
	result := make(chan error, 1)
	go func() { result <- tx.Exec("SELECT pg_sleep(60)").Error }()
	dbtest.Eventually(t, "the statement is at work", func() bool {
		return sessionAsk[bool](t, url, "SELECT query LIKE '%pg_sleep%' AND state = 'active' FROM pg_stat_activity WHERE pid = $1", pid)
	})
	cancel(errSessionGone)
	if err := <-result; !errors.Is(err, errSessionGone) {
		t.Errorf("the statement: %v, want the cause of its end", err)
	}
	if err := s.Commit(); !errors.Is(err, errSessionGone) {
		t.Errorf("COMMIT: %v, want the cause of the end", err)
	}
	return pid
}

func TestSessionCallerGoneBetweenStatements(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*db.Session){
		"Commit": func(s *db.Session) {
			if err := s.Commit(); !errors.Is(err, errSessionGone) {
				t.Errorf("COMMIT: %v, want the cause of the end", err)
			}
		},
		"Rollback": (*db.Session).Rollback,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, url, _ := sessionOpen(t, sessionPool(1, 0))
			ctx, cancel := context.WithCancelCause(t.Context())
			s, tx := sessionNew(t, conn, ctx)
			sessionMust(t, sessionInsert(tx, "a"))
			pid := sessionPID(t, tx)
			cancel(errSessionGone)
			if err := sessionInsert(tx, "b"); !errors.Is(err, context.Canceled) {
				t.Errorf("the next statement: %v, want context.Canceled", err)
			}
			if n := sessionOpenTransactions(t, url); n != 1 {
				t.Errorf("%d transactions open before the end, want 1: only the owner ends it", n)
			}
			end(s)
			if n := sessionRows(t, url); n != 0 {
				t.Errorf("%d rows", n)
			}
			sessionSame(t, conn, pid)
		})
	}
}

// TestSessionCallerGoneInCommit: COMMIT is not interrupted, so its outcome is known.
func TestSessionCallerGoneInCommit(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	sessionTrigger(t, url, "PERFORM pg_advisory_xact_lock(4);")
	var pid int
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { pid = sessionPID(t, tx); return nil }))
	release := sessionHoldLock(t, url)
	ctx, cancel := context.WithCancelCause(t.Context())
	s, tx := sessionNew(t, conn, ctx)
	sessionMust(t, sessionInsert(tx, "a"))
	result := make(chan error, 1)
	go func() { result <- s.Commit() }()
	sessionInCommit(t, url)
	cancel(errSessionGone)
	release()
	sessionMust(t, <-result)
	if n := sessionRows(t, url); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	sessionSame(t, conn, pid)
}

// TestSessionCallerGoneWhileWaiting: the wait for a connection ends with the caller, and its place goes to the next.
func TestSessionCallerGoneWhileWaiting(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t, sessionPool(1, 0))
	holder, held := sessionNew(t, conn, t.Context())
	pid := sessionPID(t, held)
	ctx, cancel := context.WithCancelCause(t.Context())
	s, tx := sessionNew(t, conn, ctx)
	result := make(chan error, 1)
	go func() { result <- sessionInsert(tx, "a") }()
	dbtest.Eventually(t, "a session waits", func() bool { return conn.Status().Waiting == 1 })
	cancel(errSessionGone)
	if err := <-result; !errors.Is(err, errSessionGone) || errors.Is(err, db.ErrPoolTimeout) {
		t.Errorf("%v, want the cause of the end", err)
	}
	s.Rollback()
	holder.Rollback()
	sessionSame(t, conn, pid)
	if n := conn.Status().Timeouts; n != 0 {
		t.Errorf("%d time-outs are counted", n)
	}
}
