package db_test

import (
	"database/sql"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
)

func TestSessionOptions(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t, sessionPool(1, 0)) // so that all have the same connection
	for _, test := range []struct {
		setting string
		opts    []db.SessionOption
		want    string
	}{
		{"transaction_isolation", []db.SessionOption{db.Isolation(sql.LevelRepeatableRead)}, "repeatable read"},
		{"transaction_isolation", []db.SessionOption{db.Isolation(sql.LevelSerializable), db.ReadOnly()}, "serializable"},
		{"transaction_isolation", nil, "read committed"},
		{"transaction_read_only", []db.SessionOption{db.ReadOnly()}, "on"},
		{"transaction_read_only", nil, "off"},
		{"statement_timeout", []db.SessionOption{db.StatementTimeout(1500 * time.Millisecond)}, "1500ms"},
		{"statement_timeout", nil, "1min"},
		{"lock_timeout", []db.SessionOption{db.LockTimeout(250 * time.Millisecond), db.StatementTimeout(time.Second)}, "250ms"},
		{"lock_timeout", nil, "0"},
		{"idle_in_transaction_session_timeout", nil, "1min"},
	} {
		s, tx := sessionNew(t, conn, t.Context(), test.opts...)
		if got := sessionScan[string](t, tx, "SELECT current_setting(?)", test.setting); got != test.want {
			t.Errorf("%s: %s, want %s", test.setting, got, test.want)
		}
		sessionMust(t, s.Commit())
	}
	if n := conn.Counters().Opened; n != 1 {
		t.Errorf("%d connections, want 1: else nothing is known of what stays behind", n)
	}
}

func TestSessionReadOnly(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	s, tx := sessionNew(t, conn, t.Context(), db.ReadOnly())
	err := sessionInsert(tx, "a")
	if err == nil || db.Classify(err) != db.Other {
		t.Errorf("a write: %v, class %d, want a fault of the program", err, db.Classify(err))
	}
	if err := s.Commit(); err == nil {
		t.Error("COMMIT after it succeeded")
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows", n)
	}
	if n := conn.Counters().Invalidated; n != 0 {
		t.Errorf("%d connections were given up for a fault of the program", n)
	}
}

func TestSessionStatementTimeout(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t)
	_, tx := sessionNew(t, conn, t.Context(), db.StatementTimeout(20*time.Millisecond))
	if err := tx.Exec("SELECT pg_sleep(60)").Error; db.Classify(err) != db.Unavailable {
		t.Errorf("%v, class %d, want Unavailable", err, db.Classify(err))
	}
}

func TestSessionLockTimeout(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	defer sessionHoldLock(t, url)()
	_, tx := sessionNew(t, conn, t.Context(), db.LockTimeout(20*time.Millisecond))
	if err := tx.Exec("SELECT pg_advisory_xact_lock(4)").Error; db.Classify(err) != db.Unavailable {
		t.Errorf("%v, class %d, want Unavailable", err, db.Classify(err))
	}
}
