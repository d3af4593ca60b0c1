package db_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
)

// TestAfterCommit: the row is there for all, the only connection is free, and the caller's end does not end the hook.
func TestAfterCommit(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0), func(o *db.Options) { o.PoolTimeout = 5 * time.Second })
	ctx, cancel := context.WithCancel(t.Context())
	s, tx := sessionNew(t, conn, ctx)
	sessionMust(t, sessionInsert(tx, "a"))
	ran := 0
	sessionMust(t, db.AfterCommit(tx.Session(&gorm.Session{PrepareStmt: true}), func(ctx context.Context) {
		ran++
		cancel() // the request is over
		if out := conn.Status().CheckedOut; out != 0 || sessionRows(t, url) != 1 {
			t.Errorf("in the hook: %d connections out, %d rows", out, sessionRows(t, url))
		}
		if err := conn.WithSession(ctx, func(tx *gorm.DB) error { return sessionInsert(tx, "b") }); err != nil {
			t.Errorf("a session of the hook's own: %v", err)
		}
	}))
	sessionMust(t, s.Commit())
	if ran != 0 || !s.HasHooks() {
		t.Errorf("ran %d times before the owner says so; hooks left: %v", ran, s.HasHooks())
	}
	answered := make(chan struct{})
	s.GoHooks(answered)
	s.GoHooks(answered) // nothing is left for it
	close(answered)
	sessionMust(t, conn.Drain(t.Context()))
	s.Rollback()
	if n := sessionRows(t, url); ran != 1 || n != 2 {
		t.Errorf("ran %d times, %d rows, want 1 and 2", ran, n)
	}
}

func TestAfterCommitNotAfterARollback(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	sessionTrigger(t, url, `IF NEW.title = 'refused' THEN RAISE EXCEPTION 'no' USING ERRCODE = '23505'; END IF;
		IF NEW.title = 'killed' THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); END IF;`)
	for title, end := range map[string]func(*db.Session) error{
		"rolled back": func(s *db.Session) error { s.Rollback(); return errSessionUndo },
		"refused":     (*db.Session).Commit,
		"killed":      (*db.Session).Commit,
	} {
		s, tx := sessionNew(t, conn, t.Context())
		sessionMust(t, sessionInsert(tx, title))
		sessionMust(t, db.AfterCommit(tx, func(context.Context) { t.Errorf("%s: the hook ran", title) }))
		if end(s) == nil {
			t.Errorf("%s: committed", title)
		}
	}
}

// TestAfterCommitInASavepoint: what a nested transaction rolls back takes its hooks along, and no others.
func TestAfterCommitInASavepoint(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t)
	var ran []string
	hook := func(tx *gorm.DB, name string) {
		sessionMust(t, db.AfterCommit(tx, func(context.Context) { ran = append(ran, name) }))
	}
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		hook(tx, "outer")
		_ = tx.Transaction(func(tx *gorm.DB) error {
			hook(tx, "undone")
			sessionMust(t, tx.Transaction(func(tx *gorm.DB) error { hook(tx, "undone too"); return nil }))
			return errSessionUndo
		})
		return tx.Transaction(func(tx *gorm.DB) error { hook(tx, "inner"); return nil })
	}))
	if got := strings.Join(ran, ", "); got != "outer, inner" {
		t.Errorf("ran: %s, want outer, inner", got)
	}
}

func TestAfterCommitPanic(t *testing.T) {
	t.Parallel()
	conn, url, log := sessionOpen(t)
	ran := false
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		sessionMust(t, db.AfterCommit(tx, func(context.Context) { panic("of the hook") }))
		sessionMust(t, db.AfterCommit(tx, func(context.Context) { ran = true }))
		return sessionInsert(tx, "a")
	}))
	if n := sessionRows(t, url); n != 1 || !ran {
		t.Errorf("%d rows, the next hook ran: %v", n, ran)
	}
	lines := log.Lines(t, "after-commit hook panicked")
	if len(lines) != 1 || lines[0]["error"] != "of the hook" || !strings.Contains(lines[0]["stack"].(string), "TestAfterCommitPanic") {
		t.Errorf("logged: %v", lines)
	}
}

func TestAfterCommitOutsideOfASession(t *testing.T) {
	t.Parallel()
	if err := db.AfterCommit(&gorm.DB{Statement: &gorm.Statement{}}, func(context.Context) {}); err == nil {
		t.Error("a hook that nobody will run was taken")
	}
}
