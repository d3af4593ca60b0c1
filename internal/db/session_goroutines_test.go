package db_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// goroutinesRefused checks that a session was found to be used wrongly, saved nothing, and left pool and process whole.
func goroutinesRefused(t *testing.T, conn *db.DB, url string, err error, says string) {
	t.Helper()
	if !errors.Is(err, db.ErrSessionBusy) || db.Classify(err) != db.Other || !strings.Contains(fmt.Sprint(err), says) {
		t.Errorf("%v, class %d, want ErrSessionBusy that says %q", err, db.Classify(err), says)
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows were saved", n)
	}
	sessionIdle(t, conn, url)
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error }))
}

// TestSessionInSeveralGoroutines: however many share one tx, none of them ends the process or saves anything.
func TestSessionInSeveralGoroutines(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	for _, n := range []int{2, 3, 8, 50} {
		for _, use := range map[string]func(*gorm.DB) error{
			"Exec": func(tx *gorm.DB) error { return tx.Exec("SELECT pg_sleep(0.01)").Error },
			"Scan": func(tx *gorm.DB) error { var n int; return tx.Raw("SELECT generate_series(1, 500)").Scan(&n).Error },
			"Row":  func(tx *gorm.DB) error { return tx.Raw("SELECT pg_sleep(0.01)::text").Row().Scan(new(string)) },
			"prepared": func(tx *gorm.DB) error {
				return tx.Session(&gorm.Session{PrepareStmt: true}).Exec("SELECT pg_sleep(0.01)").Error
			},
			"savepoint": func(tx *gorm.DB) error {
				return tx.Transaction(func(tx *gorm.DB) error { return tx.Exec("SELECT pg_sleep(0.01)").Error })
			},
		} {
			err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
				sessionMust(t, sessionInsert(tx, "a"))
				goroutinesTogether(n, func() error { return use(tx) })
				return nil // swallowed
			})
			goroutinesRefused(t, conn, url, err, "goroutine")
		}
	}
}

// goroutinesTogether runs fn in n goroutines, until they have met.
func goroutinesTogether(n int, fn func() error) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for fn() == nil {
			}
		})
	}
	all.Wait()
}

// TestSessionReadInOneGoroutineWrittenInAnother: the one reads rows while the other inserts.
func TestSessionReadInOneGoroutineWrittenInAnother(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		rows, err := tx.Raw("SELECT repeat('x', 100) FROM generate_series(1, 20000)").Rows()
		sessionMust(t, err)
		defer rows.Close()
		written := make(chan error, 1)
		go func() { written <- sessionInsert(tx, "a") }()
		n := 0
		for rows.Next() {
			n++
		}
		if n != 20000 || rows.Err() != nil {
			t.Errorf("%d rows are read: %v", n, rows.Err())
		}
		<-written // may have come after the last row
		return errors.Join(rows.Close(), sessionInsert(tx, "b"))
	})
	if err != nil {
		goroutinesRefused(t, conn, url, err, "rows of")
	}
}

// TestSessionStatementWhileRowsAreOpen: the error names the statement whose rows are open.
func TestSessionStatementWhileRowsAreOpen(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	for name, use := range map[string]func(tx *gorm.DB) error{
		"in a loop": func(tx *gorm.DB) error {
			rows, err := tx.Raw("SELECT generate_series(1, 3)").Rows()
			sessionMust(t, err)
			defer rows.Close()
			for rows.Next() {
				_ = sessionInsert(tx, "a") // swallowed
			}
			return rows.Err()
		},
		"after Row without Scan": func(tx *gorm.DB) error {
			_ = tx.Raw("SELECT generate_series(1, 3)").Row()
			return sessionInsert(tx, "a")
		},
		"a savepoint": func(tx *gorm.DB) error {
			rows, err := tx.Raw("SELECT generate_series(1, 3)").Rows()
			sessionMust(t, err)
			defer rows.Close()
			return tx.Transaction(func(tx *gorm.DB) error { return sessionInsert(tx, "a") })
		},
		"prepared": func(tx *gorm.DB) error {
			tx = tx.Session(&gorm.Session{PrepareStmt: true})
			rows, err := tx.Raw("SELECT generate_series(1, 3)").Rows()
			sessionMust(t, err)
			defer rows.Close()
			return sessionInsert(tx, "a")
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
				sessionMust(t, sessionInsert(tx, "first"))
				return use(tx)
			})
			goroutinesRefused(t, conn, url, err, "generate_series(1, 3)")
		})
	}
}

// TestSessionEndsUnderAStatement: a goroutine that outlives the handler is cut off, in its statement or in its rows.
func TestSessionEndsUnderAStatement(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	release := sessionHoldLock(t, url)
	defer release()
	late := make(chan error, 1)
	err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		sessionMust(t, sessionInsert(tx, "a"))
		go func() { late <- tx.Exec("SELECT pg_advisory_xact_lock(4)").Error }()
		sessionLocked(t, url)
		return nil
	})
	if lateErr := <-late; lateErr == nil {
		t.Error("the goroutine's statement succeeded")
	}
	goroutinesRefused(t, conn, url, err, "session ended")
}

// TestSessionEndsUnderRows: a goroutine that still reads is told that rows are missing, and none of the next session's reach it.
func TestSessionEndsUnderRows(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	for range 5 {
		rowsHere, ended, result := make(chan *sql.Rows, 1), make(chan struct{}), make(chan error, 1)
		go func() {
			rows := <-rowsHere
			defer rows.Close()
			for first := true; rows.Next(); first = false {
				columns, err := rows.ColumnTypes()
				if err != nil || len(columns) != 1 {
					t.Errorf("columns %v: %v", columns, err)
				}
				if first {
					<-ended
				}
			}
			result <- rows.Err()
		}()
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			rows, err := tx.Raw("SELECT n::text FROM generate_series(1, 100000) AS n").Rows()
			rowsHere <- rows
			return err
		})
		if err != nil && !errors.Is(err, db.ErrSessionBusy) { // the goroutine may be in its first row, or not
			t.Fatal(err)
		}
		next := make(chan error, 1)
		go func() {
			next <- conn.WithSession(t.Context(), func(tx *gorm.DB) error {
				return tx.Raw("SELECT 1 AS a, 2 AS b").Scan(&map[string]any{}).Error
			})
		}()
		close(ended)
		if err := <-result; err == nil {
			t.Error("the reader believes that it has all rows")
		}
		sessionMust(t, <-next)
	}
	sessionIdle(t, conn, url)
}

// TestSessionEndsWhileAGoroutineWaits for a connection: its statement does not run when it gets one.
func TestSessionEndsWhileAGoroutineWaits(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	holder, held := sessionNew(t, conn, t.Context())
	sessionMust(t, held.Exec("SELECT 1").Error)
	s, tx := sessionNew(t, conn, t.Context())
	late := make(chan error, 1)
	go func() { late <- sessionInsert(tx, "late") }()
	dbtest.Eventually(t, "it waits", func() bool { return conn.Status().Waiting == 1 })
	err := s.Commit() // does not wait until the holder leaves
	if out := conn.Status(); out.CheckedOut != 1 || out.Timeouts != 0 {
		t.Errorf("after the end: %+v", out)
	}
	holder.Rollback()
	if lateErr := <-late; lateErr == nil {
		t.Error("the goroutine's statement succeeded")
	}
	goroutinesRefused(t, conn, url, err, "session ended")
}
