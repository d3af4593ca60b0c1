package db_test

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
)

func TestSessionTakesNoConnectionBeforeTheFirstStatement(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	s, tx := sessionNew(t, conn, t.Context())
	_ = tx.Where("id = ?", 1).Order("id") // builds, sends nothing
	if n, out := sessionOpenTransactions(t, url), conn.Status().CheckedOut; n != 0 || out != 0 {
		t.Errorf("before the first statement: %d transactions, %d connections out", n, out)
	}
	sessionMust(t, sessionInsert(tx, "a"))
	if n, out := sessionOpenTransactions(t, url), conn.Status().CheckedOut; n != 1 || out != 1 {
		t.Errorf("after it: %d transactions, %d connections out, want 1 of each", n, out)
	}
	sessionMust(t, s.Commit())
	sessionIdle(t, conn, url)

	unused, _ := sessionNew(t, conn, t.Context())
	sessionMust(t, unused.Commit())
	if n := conn.Counters().Acquires; n != 1 {
		t.Errorf("%d connections were taken, want that of the first session only", n)
	}
}

func TestSessionCommits(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	s, tx := sessionNew(t, conn, t.Context())
	thing := thing{Title: "a", Link: "https://example.com/a.wav"}
	sessionMust(t, tx.Create(&thing).Error)
	if thing.ID == 0 || thing.CreatedAt.IsZero() {
		t.Errorf("before COMMIT the database's values are missing: %+v", thing)
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows are visible before COMMIT", n)
	}
	sessionMust(t, s.Commit())
	if n := sessionRows(t, url); n != 1 {
		t.Errorf("%d rows after COMMIT, want 1", n)
	}
	sessionIdle(t, conn, url)
}

func TestSessionRollsBack(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	s, tx := sessionNew(t, conn, t.Context())
	sessionMust(t, sessionInsert(tx, "a"))
	s.Rollback()
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows after ROLLBACK", n)
	}
	sessionIdle(t, conn, url)
}

// TestSessionIsOneTransaction: statements, WithContext, new GORM sessions and the rest see one transaction.
func TestSessionIsOneTransaction(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t)
	_, tx := sessionNew(t, conn, t.Context())
	const id = "SELECT txid_current()"
	first := sessionScan[int64](t, tx, id)
	for name, other := range map[string]*gorm.DB{
		"again": tx, "WithContext": tx.WithContext(t.Context()), "NewDB": tx.Session(&gorm.Session{NewDB: true}),
		"PrepareStmt": tx.Session(&gorm.Session{PrepareStmt: true}), "Debug": tx.Debug(), "Scopes": tx.Scopes(),
	} {
		if got := sessionScan[int64](t, other, id); got != first {
			t.Errorf("%s: transaction %d, want %d", name, got, first)
		}
	}
}

// TestSessionsAreApart: GORM shares the Statement of a *gorm.DB with those made from it unless it is told not to.
func TestSessionsAreApart(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	s, tx := sessionNew(t, conn, t.Context())
	sessionMust(t, sessionInsert(tx, "a"))
	other, _ := sessionNew(t, conn, t.Context()) // made while the first is open, ended before it
	other.Rollback()
	sessionMust(t, sessionInsert(tx, "b"))
	sessionMust(t, s.Commit())
	if n := sessionRows(t, url); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
	third, tx := sessionNew(t, conn, t.Context())
	sessionMust(t, sessionInsert(tx, "c"))
	third.Rollback()
	if n := sessionRows(t, url); n != 2 {
		t.Errorf("%d rows after the rollback of another session, want 2", n)
	}
}

// TestSessionUseAfterTheEnd: no statement may begin a transaction that nobody would end.
func TestSessionUseAfterTheEnd(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*db.Session) error{
		"Commit":   (*db.Session).Commit,
		"Rollback": func(s *db.Session) error { s.Rollback(); return nil },
	}
	for name, end := range ends {
		for _, used := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, used before: %v", name, used), func(t *testing.T) {
				t.Parallel()
				conn, url, _ := sessionOpen(t)
				s, tx := sessionNew(t, conn, t.Context())
				prepared := tx.Session(&gorm.Session{PrepareStmt: true})
				if used {
					sessionMust(t, prepared.Exec("SELECT 1").Error)
				}
				sessionMust(t, end(s))
				taken := conn.Counters().Acquires
				sessionIsDone(t, s, tx, prepared)
				if n := conn.Counters().Acquires; n != taken {
					t.Errorf("%d connections were taken after the end", n-taken)
				}
				sessionIdle(t, conn, url)
			})
		}
	}
}

// sessionIsDone uses an ended session in every way there is.
func sessionIsDone(t *testing.T, s *db.Session, tx, prepared *gorm.DB) {
	t.Helper()
	var n int
	_, rowsErr := tx.Raw("SELECT 1").Rows() //nolint:rowserrcheck // there are none
	for name, err := range map[string]error{
		"Exec":         tx.Exec("SELECT 1").Error,
		"Scan":         tx.Raw("SELECT 1").Scan(&n).Error,
		"Create":       tx.Create(&thing{Title: "late", Link: "https://example.com/a.wav"}).Error,
		"Row":          tx.Raw("SELECT 1").Row().Scan(&n),
		"Rows":         rowsErr,
		"prepared":     prepared.Exec("SELECT 1").Error,
		"Transaction":  tx.Transaction(func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error }),
		"AfterCommit":  db.AfterCommit(tx, nil),
		"Commit again": s.Commit(),
	} {
		if !errors.Is(err, sql.ErrTxDone) {
			t.Errorf("%s: %v, want sql.ErrTxDone", name, err)
		}
	}
	s.Rollback() // does nothing
}

// TestSessionBelongsToItsOwner: what is not the owner ends nothing and begins nothing, and an owner that is not told
// of the attempt commits nothing.
func TestSessionBelongsToItsOwner(t *testing.T) {
	t.Parallel()
	attempts := map[string]func(tx *gorm.DB) error{
		"Commit":   func(tx *gorm.DB) error { return tx.Commit().Error },
		"Rollback": func(tx *gorm.DB) error { return tx.Rollback().Error },
		"Begin":    func(tx *gorm.DB) error { return tx.Begin().Error },
		"DB":       func(tx *gorm.DB) error { _, err := tx.DB(); return err },
		"Connection": func(tx *gorm.DB) error {
			return tx.Connection(func(tx *gorm.DB) error { return sessionInsert(tx, "b") })
		},
	}
	for name, attempt := range attempts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, url, _ := sessionOpen(t)
			s, tx := sessionNew(t, conn, t.Context())
			sessionMust(t, sessionInsert(tx, "a"))
			if err := attempt(tx.WithContext(t.Context())); !errors.Is(err, db.ErrSessionOwned) {
				t.Errorf("%v, want ErrSessionOwned", err)
			}
			if err := sessionInsert(tx, "c"); !errors.Is(err, db.ErrSessionOwned) {
				t.Errorf("a statement after it: %v, want ErrSessionOwned", err)
			}
			if err := s.Commit(); !errors.Is(err, db.ErrSessionOwned) || db.Classify(err) != db.Other {
				t.Errorf("the owner's Commit: %v, want ErrSessionOwned", err)
			}
			if n, taken := sessionRows(t, url), conn.Counters().Acquires; n != 0 || taken != 1 {
				t.Errorf("%d rows, %d connections taken, want 0 and 1", n, taken)
			}
			sessionIdle(t, conn, url)
		})
	}
}

// TestSessionOfManyGoroutines: goroutines that share a session get an error, none ends the process, nothing is saved and
// no connection leaks.
func TestSessionOfManyGoroutines(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	release := sessionHoldLock(t, url)
	s, tx := sessionNew(t, conn, t.Context())
	first := make(chan error)
	go func() { first <- tx.Exec("SELECT pg_advisory_xact_lock(4)").Error }()
	sessionLocked(t, url)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := sessionInsert(tx, "a"); !errors.Is(err, db.ErrSessionBusy) {
				t.Errorf("%v, want ErrSessionBusy", err)
			}
		})
	}
	all.Wait()
	release()
	sessionMust(t, <-first)
	if err := s.Commit(); !errors.Is(err, db.ErrSessionBusy) || db.Classify(err) != db.Other {
		t.Errorf("Commit: %v, want ErrSessionBusy", err)
	}
	if n, taken := sessionRows(t, url), conn.Counters().Acquires; n != 0 || taken != 1 {
		t.Errorf("%d rows, %d connections taken, want 0 and 1", n, taken)
	}
	sessionIdle(t, conn, url)
}
