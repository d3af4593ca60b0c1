package db_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// abortedBy checks that an error says both: that the transaction was aborted, and by what.
func abortedBy(t *testing.T, err error, cause string, class db.Class) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "25P02") || !strings.Contains(err.Error(), cause) {
		t.Errorf("%v, want 25P02 and %q", err, cause)
	}
	if got := db.Classify(err); got != class {
		t.Errorf("%v: class %d, want %d", err, got, class)
	}
}

// doomings are errors after which PostgreSQL takes no further statement, and the class of what follows.
var doomings = map[string]struct {
	doom  func(t *testing.T, tx *gorm.DB, url string)
	cause string
	class db.Class
}{
	"of Exec": {func(_ *testing.T, tx *gorm.DB, _ string) { tx.Exec("SELECT 1/0") }, "division by zero", db.Other},
	"of Scan": {func(_ *testing.T, tx *gorm.DB, _ string) { tx.Raw("SELECT nothing").Scan(new(int)) }, `column "nothing" does not exist`, db.Other},
	"of Row":  {func(_ *testing.T, tx *gorm.DB, _ string) { _ = tx.Raw("SELECT 1/0").Row().Err() }, "division by zero", db.Other},
	"after the first row": {func(t *testing.T, tx *gorm.DB, _ string) {
		rows, err := tx.Raw("SELECT 1/(5-g) FROM generate_series(1,10) g").Rows()
		sessionMust(t, err)
		defer rows.Close()
		n := 0
		for rows.Next() { // and nobody looks at rows.Err
			n++
		}
		if n != 4 {
			t.Errorf("%d rows, want 4", n)
		}
	}, "division by zero", db.Other},
	"after the first row, in Scan": {func(_ *testing.T, tx *gorm.DB, _ string) {
		var list []int
		tx.Raw("SELECT 1/(5-g) FROM generate_series(1,10) g").Scan(&list)
	}, "division by zero", db.Other},
	"after the rows that were read": {func(t *testing.T, tx *gorm.DB, _ string) {
		rows, err := tx.Raw("SELECT 1/(50000-g) FROM generate_series(1,100000) g").Rows()
		sessionMust(t, err)
		rows.Next()
		_ = rows.Close()
	}, "division by zero", db.Other},
	"of a constraint": {func(_ *testing.T, tx *gorm.DB, _ string) { _ = sessionInsert(tx, "") }, "test_things_title", db.Other},
	"of a lock": {func(_ *testing.T, tx *gorm.DB, _ string) {
		tx.Exec("SET LOCAL lock_timeout = 20").Exec("SELECT pg_advisory_xact_lock(4)")
	}, "lock timeout", db.Unavailable},
	"of a context of its own": {func(t *testing.T, tx *gorm.DB, url string) {
		ctx, end := context.WithCancelCause(t.Context())
		var running sync.WaitGroup
		running.Go(func() { tx.WithContext(ctx).Exec("SELECT pg_advisory_xact_lock(4)") })
		sessionLocked(t, url) // one whose time is over before it is sent dooms nothing
		end(context.DeadlineExceeded)
		running.Wait()
	}, "deadline exceeded", db.Unavailable},
}

// TestSessionAbortedByWhat: each statement after an error that nobody looked at names it, and so does COMMIT.
func TestSessionAbortedByWhat(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	defer sessionHoldLock(t, url)()
	for name, test := range doomings {
		t.Run(name, func(t *testing.T) {
			s, tx := sessionNew(t, conn, t.Context())
			sessionMust(t, tx.Exec("SELECT 1").Error)
			test.doom(t, tx, url)
			for range 2 {
				abortedBy(t, tx.Exec("SELECT 1").Error, test.cause, test.class)
			}
			abortedBy(t, tx.Raw("SELECT 1").Scan(new(int)).Error, test.cause, test.class)
			abortedBy(t, tx.Raw("SELECT 1").Row().Scan(new(int)), test.cause, test.class)
			abortedBy(t, tx.Session(&gorm.Session{PrepareStmt: true}).Exec("SELECT 2").Error, test.cause, test.class)
			abortedBy(t, tx.Transaction(func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error }), test.cause, test.class)
			if err := s.Commit(); err == nil || !strings.Contains(err.Error(), test.cause) {
				t.Errorf("COMMIT: %v, want %q", err, test.cause)
			}
		})
	}
}

// TestSessionAbortedInASavepoint: the error of a savepoint that was rolled back is not blamed for what fails later.
func TestSessionAbortedInASavepoint(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		_ = tx.Transaction(func(tx *gorm.DB) error {
			_ = sessionInsert(tx, "") // breaks a constraint
			err := tx.Exec("SELECT 1").Error
			abortedBy(t, err, "test_things_title", db.Other)
			return err
		})
		sessionMust(t, tx.Exec("SELECT 1").Error)
		tx.Exec("SELECT nothing")
		err := tx.Exec("SELECT 2").Error
		abortedBy(t, err, `column "nothing" does not exist`, db.Other)
		if strings.Contains(err.Error(), "test_things_title") {
			t.Errorf("blames a savepoint that was rolled back: %v", err)
		}
		return nil
	})
	if err == nil || strings.Contains(err.Error(), "test_things_title") || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("COMMIT: %v", err)
	}
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		tx.SavePoint("a")
		tx.Exec("SELECT 1/0")
		tx.RollbackTo("a")
		return sessionInsert(tx, "kept")
	}))
	if n := sessionRows(t, url); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// TestSessionLostByWhat: after the connection was lost, each statement names how.
func TestSessionLostByWhat(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	_, tx := sessionNew(t, conn, t.Context())
	dbtest.Exec(t, url, "SELECT pg_terminate_backend($1)", sessionPID(t, tx))
	first := tx.Exec("SELECT 1").Error
	if first == nil {
		t.Fatal("the backend was not ended")
	}
	for range 2 {
		err := tx.Exec("SELECT 2").Error
		if db.Classify(err) != db.Unavailable || !errors.Is(err, first) {
			t.Errorf("%v, class %d, want one that names: %v", err, db.Classify(err), first)
		}
	}
}
