package db_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// TestSessionCommitFails: the deferred checks of COMMIT decide, and their SQLSTATE says what the caller is told.
func TestSessionCommitFails(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]db.Class{
		"23505": db.Conflict, "23503": db.Conflict, "23514": db.Invalid, "22003": db.Invalid,
		"40001": db.Unavailable, "40P01": db.Unavailable, "55P03": db.Unavailable, "P0001": db.Other,
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			conn, url, _ := sessionOpen(t)
			sessionTrigger(t, url, "RAISE EXCEPTION 'refused' USING ERRCODE = '"+state+"';")
			s, tx := sessionNew(t, conn, t.Context())
			sessionMust(t, sessionInsert(tx, "a"))
			err := s.Commit()
			if err == nil || errors.Is(err, db.ErrCommitUnknown) || db.Classify(err) != want {
				t.Errorf("%v, class %d, want class %d", err, db.Classify(err), want)
			}
			if n := sessionRows(t, url); n != 0 {
				t.Errorf("%d rows after a COMMIT that failed", n)
			}
			sessionIdle(t, conn, url)
		})
	}
}

// TestSessionSerializationFailure makes a real one: each of two transactions reads what the other writes.
func TestSessionSerializationFailure(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(2, 0))
	write := func() *db.Session {
		s, tx := sessionNew(t, conn, t.Context(), db.Isolation(sql.LevelSerializable))
		sessionScan[int](t, tx, "SELECT count(*) FROM test_things")
		sessionMust(t, sessionInsert(tx, "a"))
		return s
	}
	first, second := write(), write()
	sessionMust(t, first.Commit())
	if err := second.Commit(); db.Classify(err) != db.Unavailable || errors.Is(err, db.ErrCommitUnknown) {
		t.Errorf("the second: %v, want a serialization failure", err)
	}
	if n := sessionRows(t, url); n != 1 {
		t.Errorf("%d rows, want the first session's", n)
	}
}

// TestSessionSwallowedError: PostgreSQL answers the COMMIT of a broken transaction with success and ROLLBACK.
func TestSessionSwallowedError(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	dbtest.Exec(t, url, "CREATE UNIQUE INDEX ON test_things (title)")
	err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		sessionMust(t, sessionInsert(tx, "a"))
		_ = sessionInsert(tx, "a")
		return nil
	})
	if db.Classify(err) != db.Conflict {
		t.Errorf("%v, want the swallowed violation", err)
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// TestSessionSwallowedBegin: a session that got no connection fails, even if one comes free before its next statement.
func TestSessionSwallowedBegin(t *testing.T) {
	t.Parallel()
	for _, more := range []bool{false, true} {
		conn, url, _ := sessionOpen(t, sessionPool(1, 0), func(o *db.Options) { o.PoolTimeout = sessionShortly })
		holder, held := sessionNew(t, conn, t.Context())
		sessionMust(t, held.Exec("SELECT 1").Error)
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			_ = sessionInsert(tx, "lost")
			holder.Rollback()
			if more {
				_ = sessionInsert(tx, "half of the work")
			}
			return nil
		})
		if !errors.Is(err, db.ErrPoolTimeout) {
			t.Errorf("another statement %v: %v, want ErrPoolTimeout", more, err)
		}
		if n := sessionRows(t, url); n != 0 {
			t.Errorf("another statement %v: %d rows", more, n)
		}
	}
}

// TestSessionBackendKilledInCommit: nobody knows whether the server got to the end of the COMMIT.
func TestSessionBackendKilledInCommit(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	sessionTrigger(t, url, "PERFORM pg_sleep(60);")
	s, tx := sessionNew(t, conn, t.Context())
	sessionMust(t, sessionInsert(tx, "a"))
	result := make(chan error, 1)
	go func() { result <- s.Commit() }()
	pid := sessionInCommit(t, url)
	sessionAsk[bool](t, url, "SELECT pg_terminate_backend($1)", pid)
	if err := <-result; !errors.Is(err, db.ErrCommitUnknown) {
		t.Errorf("%v, want ErrCommitUnknown", err)
	}
	dbtest.Exec(t, url, "DROP TRIGGER at_commit ON test_things")
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return sessionInsert(tx, "b") }))
	sessionIdle(t, conn, url)
}

// TestSessionBackendKilledBeforeCommit: a dead connection is noticed before COMMIT is sent, so the outcome is known.
func TestSessionBackendKilledBeforeCommit(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	s, tx := sessionNew(t, conn, t.Context())
	sessionMust(t, sessionInsert(tx, "a"))
	sessionAsk[bool](t, url, "SELECT pg_terminate_backend($1, 10000)", sessionPID(t, tx))
	_ = sessionInsert(tx, "b") // notices
	if err := s.Commit(); db.Classify(err) != db.Unavailable || errors.Is(err, db.ErrCommitUnknown) {
		t.Errorf("%v, class %d, want Unavailable and a known outcome", err, db.Classify(err))
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows", n)
	}
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return sessionInsert(tx, "c") }))
}

// TestSessionCommitIsCutOff: what is left of the deadline, or 2 s, is all that a COMMIT gets.
func TestSessionCommitIsCutOff(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	sessionTrigger(t, url, "PERFORM pg_sleep(60);")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	s, tx := sessionNew(t, conn, ctx)
	sessionMust(t, sessionInsert(tx, "a"))
	deadline, _ := ctx.Deadline()
	err := s.Commit()
	if over := time.Since(deadline); over > 12*time.Second { // 2 s is meant; the rest is for a slow machine
		t.Errorf("COMMIT returned %v over the deadline", over)
	}
	if !errors.Is(err, db.ErrCommitUnknown) {
		t.Errorf("%v, want ErrCommitUnknown", err)
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows", n)
	}
	sessionIdle(t, conn, url)
}

// TestSessionCommitRunsOverTheDeadline: a COMMIT that was begun in time is not given up at the deadline. The transaction's
// own trigger sleeps until shortly after it.
func TestSessionCommitRunsOverTheDeadline(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	sessionTrigger(t, url, "PERFORM pg_sleep(extract(epoch FROM NEW.title::timestamptz - clock_timestamp()) + 0.1);")
	for attempt := 1; ; attempt++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		deadline, _ := ctx.Deadline()
		s, tx := sessionNew(t, conn, ctx)
		err := sessionInsert(tx, deadline.Format(time.RFC3339Nano))
		time.Sleep(time.Until(deadline) - 200*time.Millisecond)
		if err == nil {
			err = s.Commit()
		}
		switch {
		case err == nil && time.Now().Before(deadline): // ctx itself may learn of it later, on a busy machine
			t.Fatal("COMMIT did not wait for the deadline: the test tests nothing")
		case err == nil:
			return
		case attempt == 5 || errors.Is(err, db.ErrCommitUnknown):
			t.Fatalf("attempt %d: %v", attempt, err)
		}
		s.Rollback() // the machine was so slow that the deadline passed before COMMIT: once more
	}
}

// TestSessionDeadlinePassed: what is not committed by then is rolled back, whatever the function thinks.
func TestSessionDeadlinePassed(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	s, tx := sessionNew(t, conn, ctx)
	sessionMust(t, sessionInsert(tx, "a"))
	err := tx.Exec("SELECT pg_sleep(60)").Error
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the statement: %v, want the deadline's error", err)
	}
	if err := s.Commit(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("COMMIT: %v, want the deadline's error", err)
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows", n)
	}
	sessionIdle(t, conn, url)
}
