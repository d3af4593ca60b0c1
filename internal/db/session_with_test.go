package db_test

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

func TestWithSessionEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		leave func() error
		rows  int
	}{
		"nil":    {func() error { return nil }, 1},
		"error":  {func() error { return errSessionUndo }, 0},
		"panic":  {func() error { panic(errSessionUndo) }, 0},
		"Goexit": {func() error { runtime.Goexit(); return nil }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, url, _ := sessionOpen(t)
			var err error
			fault := make(chan any)
			go func() { // Goexit ends the goroutine, and runs its deferred calls
				defer func() { fault <- recover() }()
				err = conn.WithSession(t.Context(), func(tx *gorm.DB) error {
					return errors.Join(sessionInsert(tx, "a"), test.leave())
				})
			}()
			if got := <-fault; (got == errSessionUndo) != (name == "panic") { //nolint:errorlint // the very value
				t.Errorf("the panic that came out: %v", got)
			}
			if errors.Is(err, errSessionUndo) != (name == "error") {
				t.Errorf("the error that came out: %v", err)
			}
			if n := sessionRows(t, url); n != test.rows {
				t.Errorf("%d rows, want %d", n, test.rows)
			}
			sessionIdle(t, conn, url)
		})
	}
}

// TestWithSessionRetriesSerializationFailures: both add the number of rows that they see. Without the retry, one fails.
func TestWithSessionRetriesSerializationFailures(t *testing.T) {
	t.Parallel()
	for _, attempts := range []int{1, 5} {
		conn, url, _ := sessionOpen(t, sessionPool(2, 0))
		calls := 0
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			calls++
			n := sessionScan[int](t, tx, "SELECT count(*) FROM test_things")
			if calls == 1 { // a rival does the same in between
				sessionMust(t, conn.WithSession(t.Context(), func(rival *gorm.DB) error {
					return sessionInsert(rival, "rival "+string(rune('0'+sessionScan[int](t, rival, "SELECT count(*) FROM test_things"))))
				}, db.Isolation(sql.LevelSerializable)))
			}
			return sessionInsert(tx, string(rune('0'+n)))
		}, db.Isolation(sql.LevelSerializable), db.Retry(attempts))
		titles := sessionAsk[string](t, url, "SELECT string_agg(title, ', ' ORDER BY id) FROM test_things")
		switch {
		case attempts == 1 && (db.Classify(err) != db.Unavailable || calls != 1 || titles != "rival 0"):
			t.Errorf("without retry: %v, %d calls, kept: %s", err, calls, titles)
		case attempts > 1 && (err != nil || calls != 2 || titles != "rival 0, 1"):
			t.Errorf("with retry: %v, %d calls, kept: %s", err, calls, titles)
		}
		sessionIdle(t, conn, url)
	}
}

// TestWithSessionRetriesDeadlocks: two sessions lock two rows in opposite order, each when the other has its first.
func TestWithSessionRetriesDeadlocks(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(2, 0))
	dbtest.Exec(t, url, "INSERT INTO test_things (title, link) SELECT n, 'https://example.com/a.wav' FROM generate_series(1, 2) AS n")
	const lock = "UPDATE test_things SET note = coalesce(note, '') || 'x' WHERE title = ?"
	cross := func(mine, other string, ready chan<- bool, otherReady <-chan bool) (calls int, err error) {
		err = conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			if err := tx.Exec(lock, mine).Error; err != nil {
				return err
			}
			if calls++; calls == 1 {
				close(ready)
				<-otherReady
			}
			return tx.Exec(lock, other).Error
		}, db.Retry(5))
		return calls, err
	}
	a, b := make(chan bool), make(chan bool)
	type result struct {
		calls int
		err   error
	}
	second := make(chan result, 1)
	go func() {
		calls, err := cross("2", "1", b, a)
		second <- result{calls, err}
	}()
	calls, err := cross("1", "2", a, b)
	other := <-second
	if err != nil || other.err != nil || calls+other.calls != 3 {
		t.Errorf("%v after %d calls and %v after %d, want one deadlock and no error", err, calls, other.err, other.calls)
	}
	if n := sessionAsk[int](t, url, "SELECT count(*) FROM test_things WHERE note = 'xx'"); n != 2 {
		t.Errorf("%d rows were updated twice, want 2", n)
	}
}

// TestWithSessionRepeatsNothingElse: other errors, and above all a COMMIT that may have succeeded, are not tried again.
func TestWithSessionRepeatsNothingElse(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	dbtest.Exec(t, url, "CREATE UNIQUE INDEX ON test_things (title)")
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return sessionInsert(tx, "taken") }))
	for name, fail := range map[string]func(*gorm.DB) error{
		"an error of the program": func(*gorm.DB) error { return errSessionUndo },
		"a violation":             func(tx *gorm.DB) error { return sessionInsert(tx, "taken") },
		"a lost connection": func(tx *gorm.DB) error {
			return tx.Exec("SELECT pg_terminate_backend(pg_backend_pid())").Error
		},
		"a statement time-out": func(tx *gorm.DB) error {
			return errors.Join(tx.Exec("SET LOCAL statement_timeout = 1").Error, tx.Exec("SELECT pg_sleep(60)").Error)
		},
	} {
		calls := 0
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error { calls++; return fail(tx) }, db.Retry(5))
		if err == nil || calls != 1 {
			t.Errorf("%s: %v after %d calls, want an error after 1", name, err, calls)
		}
	}
}

func TestWithSessionRepeatsNoUnknownCommit(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	// The cut happens while the server reports a serialization failure only when it is cancelled.
	sessionTrigger(t, url, `BEGIN PERFORM pg_sleep(60);
		EXCEPTION WHEN query_canceled THEN RAISE EXCEPTION 'late' USING ERRCODE = '40001'; END;`)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	calls := 0
	err := conn.WithSession(ctx, func(tx *gorm.DB) error {
		calls++
		return sessionInsert(tx, "a")
	}, db.Retry(5))
	if !errors.Is(err, db.ErrCommitUnknown) || calls != 1 {
		t.Errorf("%v after %d calls, want ErrCommitUnknown after 1", err, calls)
	}
}

// TestWithSessionRetryEndsWithItsContext: also while it waits before the next attempt.
func TestWithSessionRetryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	err := conn.WithSession(ctx, func(tx *gorm.DB) error {
		err := tx.Exec("DO $$ BEGIN RAISE EXCEPTION 'always' USING ERRCODE = '40001'; END $$").Error
		if calls++; calls == 3 {
			cancel()
		}
		return err
	}, db.Retry(1000))
	if err == nil || calls != 3 {
		t.Errorf("%v after %d calls, want an error after 3", err, calls)
	}
}
