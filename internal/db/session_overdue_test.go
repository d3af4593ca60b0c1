package db_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestSessionOwnerHangs: code that heeds no context, and does not return, keeps no connection after the end of its time. When
// it does return, nothing is saved.
func TestSessionOwnerHangs(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	ctx, leave := context.WithCancel(t.Context())
	back, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- conn.WithSession(ctx, func(tx *gorm.DB) error {
			defer func() { <-back }()
			defer leave()
			return sessionInsert(tx, "lost")
		})
	}()
	dbtest.Eventually(t, "the connection is back", func() bool { return ctx.Err() != nil && conn.Status().CheckedOut == 0 })
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return sessionInsert(tx, "the next") }))
	close(back)
	if err := <-done; !errors.Is(err, context.Canceled) || !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("%v, want context.Canceled", err)
	}
	if n := sessionRows(t, url); n != 1 || conn.Counters().Opened != 1 {
		t.Errorf("%d rows, %d connections were opened, want 1 and 1", n, conn.Counters().Opened)
	}
	sessionIdle(t, conn, url)
}

// explosive is a value that panics when it is to be sent.
type explosive struct{}

// Value implements driver.Valuer.
func (explosive) Value() (driver.Value, error) { panic("Value") }

// TestSessionValuePanics: nothing was sent, so that the connection is as good as before.
func TestSessionValuePanics(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	send := map[string]func(tx *gorm.DB) error{
		"Exec": func(tx *gorm.DB) error { return tx.Exec("SELECT ?::text", explosive{}).Error },
		"Rows": func(tx *gorm.DB) error { return tx.Raw("SELECT ?::text", explosive{}).Scan(new(string)).Error },
	}
	for way, send := range send {
		for _, first := range []bool{true, false} {
			func() {
				defer func() {
					if fault := recover(); fault != "Value" {
						t.Errorf("%s: recovered: %v", way, fault)
					}
				}()
				_ = conn.WithSession(t.Context(), func(tx *gorm.DB) error {
					if !first {
						sessionMust(t, sessionInsert(tx, "lost"))
					}
					return send(tx)
				})
			}()
			sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error }))
			if c := conn.Counters(); c.Opened != 1 || c.Invalidated != 0 {
				t.Errorf("%s, first: %v: %d connections were opened, %d invalidated", way, first, c.Opened, c.Invalidated)
			}
		}
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows", n)
	}
	sessionIdle(t, conn, url)
}

// hanging is a value whose Scan panics. database/sql holds a lock then, for which Close of the rows waits for ever.
type hanging struct{ called func() }

// Scan implements sql.Scanner.
func (h *hanging) Scan(any) error {
	h.called()
	panic("Scan")
}

// TestSessionScanPanics: the goroutine is lost, to database/sql; the connection is not.
func TestSessionScanPanics(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	ctx, leave := context.WithCancel(t.Context())
	_, tx := sessionNew(t, conn, ctx)
	sessionMust(t, sessionInsert(tx, "lost"))
	go func() {
		defer func() { _ = recover() }() // it does not come so far, up to Go 1.26
		_ = tx.Raw("SELECT 1").Row().Scan(&hanging{leave})
	}()
	dbtest.Eventually(t, "the connection is back", func() bool { return conn.Status().CheckedOut == 0 })
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows", n)
	}
	sessionIdle(t, conn, url)
}
