package db_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
)

// sessionMisuses are what code that knows GORM does out of habit, without a look at the error. Each comes with the words
// that tell what to do instead.
var sessionMisuses = map[string]struct {
	do      func(tx *gorm.DB)
	instead string
}{
	"Rollback": {func(tx *gorm.DB) { tx.Rollback() }, "an error to roll back"},
	"Commit":   {func(tx *gorm.DB) { tx.Commit() }, "return nil to commit"},
	"Begin":    {func(tx *gorm.DB) { tx.Begin() }, "tx.Transaction"},
	"Begin with options": {func(tx *gorm.DB) {
		inner := tx.Begin(&sql.TxOptions{Isolation: sql.LevelSerializable})
		_ = sessionInsert(inner, "inner")
		inner.Commit()
	}, "tx.Transaction"},
	"Begin and a statement": {func(tx *gorm.DB) { _ = sessionInsert(tx.Begin(), "inner") }, "tx.Transaction"},
	"Begin and a query": {func(tx *gorm.DB) {
		var n int64
		tx.Begin().Table("test_things").Count(&n)
	}, "tx.Transaction"},
	"Commit in a savepoint": {func(tx *gorm.DB) {
		_ = tx.Transaction(func(tx *gorm.DB) error { tx.Commit(); return nil })
	}, "return nil to commit"},
	"Rollback in a savepoint": {func(tx *gorm.DB) {
		_ = tx.Transaction(func(tx *gorm.DB) error { tx.Rollback(); return nil })
	}, "an error to roll back"},
	"Connection": {func(tx *gorm.DB) {
		_ = tx.Connection(func(tx *gorm.DB) error { return sessionInsert(tx, "beside") })
	}, "use tx itself"},
	"Connection and a query": {func(tx *gorm.DB) {
		var n int
		_ = tx.Connection(func(tx *gorm.DB) error { return tx.Raw("SELECT 1").Scan(&n).Error })
	}, "use tx itself"},
	"Connection and a row": {func(tx *gorm.DB) {
		var n int
		_ = tx.Connection(func(tx *gorm.DB) error { return tx.Raw("SELECT 1").Row().Scan(&n) })
	}, "use tx itself"},
	"Connection and a transaction": {func(tx *gorm.DB) {
		_ = tx.Connection(func(tx *gorm.DB) error {
			return tx.Transaction(func(tx *gorm.DB) error { return sessionInsert(tx, "beside") })
		})
	}, "use tx itself"},
	"DB": {func(tx *gorm.DB) {
		if beside, err := tx.DB(); err == nil {
			_, _ = beside.ExecContext(tx.Statement.Context, "INSERT INTO test_things (title, link) VALUES ('b', 'https://example.com/b.wav')")
		}
	}, "use tx itself"},
}

// TestSessionMisuse: nothing is saved, and the owner learns why, whatever the function returns.
func TestSessionMisuse(t *testing.T) {
	t.Parallel()
	modes := map[string]gorm.Session{
		"": {}, " prepared": {PrepareStmt: true}, " without defaults": {SkipDefaultTransaction: true, NewDB: true},
		" prepared, without savepoints": {PrepareStmt: true, DisableNestedTransaction: true},
	}
	for name, misuse := range sessionMisuses {
		for mode, config := range modes {
			if name == "Begin" && config.PrepareStmt {
				continue // GORM refuses it without a word to the session; nothing is lost unless a statement follows
			}
			t.Run(name+mode, func(t *testing.T) {
				t.Parallel()
				conn, url, _ := sessionOpen(t, sessionPool(1, 0))
				for _, result := range []error{nil, errSessionUndo} {
					err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
						sessionMust(t, sessionInsert(tx, "before"))
						misuse.do(tx.Session(&config))
						_ = sessionInsert(tx, "after")
						return result
					})
					if !errors.Is(err, db.ErrSessionOwned) || db.Classify(err) != db.Other || !strings.Contains(err.Error(), misuse.instead) {
						t.Errorf("fn returns %v: %v, want ErrSessionOwned and %q", result, err, misuse.instead)
					}
					if result != nil && !errors.Is(err, result) {
						t.Errorf("%v, want fn's own error, too", err)
					}
				}
				if n := sessionRows(t, url); n != 0 {
					t.Errorf("%d rows", n)
				}
				if c := conn.Counters(); c.Opened != 1 {
					t.Errorf("%d connections were opened, want one", c.Opened)
				}
				sessionIdle(t, conn, url)
			})
		}
	}
}

// TestSessionMisuseRunsNoHooks: what waits for the COMMIT does not come.
func TestSessionMisuseRunsNoHooks(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t)
	err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		sessionMust(t, db.AfterCommit(tx, func(context.Context) { t.Error("the hook ran") }))
		tx.Rollback()
		return nil
	})
	if !errors.Is(err, db.ErrSessionOwned) {
		t.Errorf("%v, want ErrSessionOwned", err)
	}
}

// TestSessionMisuseIsNotRepeated: Retry is for what another try can mend.
func TestSessionMisuseIsNotRepeated(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t)
	calls := 0
	err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		calls++
		err := tx.Exec("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$").Error
		tx.Rollback()
		return err
	}, db.Retry(3))
	if !errors.Is(err, db.ErrSessionOwned) || calls != 1 {
		t.Errorf("%d calls, %v; want one, and ErrSessionOwned", calls, err)
	}
}
