//go:build unix

package db_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// localValue is an option that sets a parameter to this value.
func localValue(name, value string) db.SessionOption {
	return db.Local(name, func(context.Context) (string, error) { return value, nil })
}

// localTenant asks which tenant the session has.
func localTenant(t *testing.T, tx *gorm.DB) string {
	t.Helper()
	return sessionScan[string](t, tx, "SELECT coalesce(current_setting('app.tenant', true), '')")
}

// localWays set a parameter until the transaction ends.
var localWays = map[string]func(value string) (db.SessionOption, func(tx *gorm.DB) error){
	"an option": func(value string) (db.SessionOption, func(*gorm.DB) error) {
		return localValue("app.tenant", value), func(*gorm.DB) error { return nil }
	},
	"SetLocal": func(value string) (db.SessionOption, func(*gorm.DB) error) {
		return db.ReadOnly(), func(tx *gorm.DB) error { return db.SetLocal(tx, "app.tenant", value) }
	},
	"SetLocal, prepared": func(value string) (db.SessionOption, func(*gorm.DB) error) {
		return db.ReadOnly(), func(tx *gorm.DB) error {
			return db.SetLocal(tx.Session(&gorm.Session{PrepareStmt: true}), "app.tenant", value)
		}
	},
}

// TestSessionLocal: a value needs no quoting, and the next session does not find it.
func TestSessionLocal(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func() *db.DB{
		"direct":    func() *db.DB { conn, _, _ := sessionOpen(t, sessionPool(1, 0)); return conn },
		"PgBouncer": func() *db.DB { conn, _, _ := sessionBounced(t); return conn },
	} {
		conn := open()
		for way, set := range localWays {
			for _, value := range []string{"blue", "", "O'Hara", `a\b"c`, "$1; ROLLBACK", "ü ☃", strings.Repeat("x", 5000)} {
				opt, call := set(value)
				sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
					sessionMust(t, call(tx))
					if got := localTenant(t, tx); got != value {
						t.Errorf("%s, %s: %q, want %q", name, way, got, value)
					}
					return nil
				}, opt))
				sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
					if got := localTenant(t, tx); got != "" {
						t.Errorf("%s, %s: the next session has %q", name, way, got)
					}
					return nil
				}))
			}
		}
	}
}

// TestSessionLocalIsFree: an option's value travels with BEGIN, and leads to no reset.
func TestSessionLocalIsFree(t *testing.T) {
	t.Parallel()
	direct := dbtest.Things(t)
	proxy := dbtest.NewProxy(t, direct)
	conn := sessionOpenAt(t, proxy.URL(), new(dbtest.Log), sessionPool(1, 0))
	session := func(use func(tx *gorm.DB) error, opts ...db.SessionOption) int64 {
		before := proxy.RoundTrips()
		sessionMust(t, conn.WithSession(t.Context(), use, opts...))
		if got := sessionAsk[string](t, direct, `SELECT query FROM pg_stat_activity
			WHERE datname = current_database() AND starts_with(application_name, 'transcription-api ')`); got != "commit" {
			t.Errorf("the session ended with %q", got)
		}
		return proxy.RoundTrips() - before
	}
	one := func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error }
	local := func(tx *gorm.DB) error { return db.SetLocal(tx, "app.tenant", "blue") }
	opts := []db.SessionOption{localValue("app.tenant", "blue"), db.LockTimeout(time.Second)}
	session(one, opts...)
	session(local)
	if plain, set := session(one), session(one, opts...); plain != set {
		t.Errorf("%d round trips with an option, %d without", set, plain)
	}
	session(local)
}

// TestSessionLocalSurvivesARepetition: where the first statement is repeated on a new plan, the options' values are set again.
func TestSessionLocalSurvivesARepetition(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	dbtest.Exec(t, url, "CREATE TABLE things (n int)")
	asked := 0
	opt := db.Local("app.tenant", func(context.Context) (string, error) { asked++; return "blue", nil })
	for range 2 {
		sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			var rows []map[string]any
			sessionMust(t, tx.Raw("SELECT * FROM things WHERE n > ?", 0).Scan(&rows).Error)
			if got := localTenant(t, tx); got != "blue" {
				t.Errorf("tenant %q", got)
			}
			return nil
		}, opt))
		dbtest.Exec(t, url, "ALTER TABLE things ADD COLUMN IF NOT EXISTS more text")
	}
	if asked != 3 {
		t.Errorf("the value was asked for %d times, want 3: else nothing was repeated", asked)
	}
}

// TestSessionRepetitionRefused: where the repetition cannot begin, what follows must not run outside of a transaction.
func TestSessionRepetitionRefused(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	dbtest.Exec(t, url, "CREATE TABLE things (n int)")
	zones := []string{"UTC", "UTC", "Mars/North"} // of the third BEGIN
	opt := db.Local("TimeZone", func(context.Context) (string, error) {
		zone := zones[0]
		zones = zones[1:]
		return zone, nil
	})
	read := func(tx *gorm.DB) error {
		var rows []map[string]any
		return tx.Raw("SELECT * FROM things WHERE n > ?", 0).Scan(&rows).Error
	}
	sessionMust(t, conn.WithSession(t.Context(), read, opt))
	dbtest.Exec(t, url, "ALTER TABLE things ADD COLUMN more text")
	err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		if err := read(tx); db.Classify(err) != db.Unavailable {
			t.Errorf("%v, class %d, want Unavailable", err, db.Classify(err))
		}
		_ = sessionInsert(tx, "swallowed")
		return nil
	}, opt)
	if err == nil || len(zones) != 0 {
		t.Errorf("COMMIT: %v; %d zones are left", err, len(zones))
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows were saved", n)
	}
	sessionIdle(t, conn, url)
}

// TestSessionSettingRefused is a fault of the program, named with its parameter; nothing runs without it, whoever swallows it.
func TestSessionSettingRefused(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	for _, test := range []struct {
		opt  db.SessionOption
		says string
	}{
		{localValue("no_such", "1"), "no_such"},
		{localValue("bad name.x", "1"), "bad name.x"},
		{localValue("max_connections", "5"), "max_connections"},
		{localValue("role", "no_such_role"), "no_such_role"},
		{localValue("TimeZone", "Mars/North"), "TimeZone"},
		{db.StatementTimeout(-time.Second), "statement_timeout: -1s"},
		{db.StatementTimeout(999 * time.Microsecond), "statement_timeout: 999µs"},
		{db.LockTimeout(500 * time.Microsecond), "lock_timeout: 500µs"},
		{db.LockTimeout(1), "lock_timeout: 1ns"},
		{db.LockTimeout(600 * time.Hour), "lock_timeout: 600h"},
		{db.IdleInTransactionTimeout(-1), "idle_in_transaction_session_timeout: -1ns"},
		{db.Isolation(sql.LevelLinearizable), "Linearizable"},
		{db.Isolation(sql.LevelWriteCommitted), "Write Committed"},
	} {
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			_ = sessionInsert(tx, "swallowed")
			return nil
		}, test.opt, db.StatementTimeout(time.Minute))
		if err == nil || !strings.Contains(err.Error(), test.says) || db.Classify(err) != db.Other {
			t.Errorf("%v, class %d, want a fault of the program that says %q", err, db.Classify(err), test.says)
		}
		err = conn.WithSession(t.Context(), func(tx *gorm.DB) error { return db.SetLocal(tx, "no_such", "1") })
		if err == nil || !strings.Contains(err.Error(), "set local no_such") || db.Classify(err) != db.Other {
			t.Errorf("SetLocal: %v, class %d", err, db.Classify(err))
		}
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows were saved without the setting", n)
	}
	if n := conn.Counters().Opened; n != 1 {
		t.Errorf("%d connections were opened, want 1", n)
	}
	sessionIdle(t, conn, url)
}

// TestSessionLimits: 0 lifts a limit, for this session; a fraction of a millisecond counts as a whole one.
func TestSessionLimits(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func() *db.DB{
		"direct":    func() *db.DB { conn, _, _ := sessionOpen(t, sessionPool(1, 0)); return conn },
		"PgBouncer": func() *db.DB { conn, _, _ := sessionBounced(t); return conn },
	} {
		conn := open()
		for _, test := range []struct {
			setting string
			opts    []db.SessionOption
			want    string
		}{
			{"statement_timeout", []db.SessionOption{db.StatementTimeout(0)}, "0"},
			{"statement_timeout", []db.SessionOption{db.StatementTimeout(time.Millisecond)}, "1ms"},
			{"statement_timeout", []db.SessionOption{db.StatementTimeout(1500 * time.Microsecond)}, "2ms"},
			{"statement_timeout", []db.SessionOption{db.StatementTimeout(0), db.StatementTimeout(time.Second)}, "1s"},
			{"statement_timeout", []db.SessionOption{db.StatementTimeout(time.Second), db.StatementTimeout(0)}, "0"},
			{"lock_timeout", []db.SessionOption{db.LockTimeout(0), db.ReadOnly()}, "0"},
			{"lock_timeout", []db.SessionOption{db.ReadOnly(), db.LockTimeout(2 * time.Hour)}, "2h"},
			{"idle_in_transaction_session_timeout", []db.SessionOption{db.IdleInTransactionTimeout(0)}, "0"},
			{"idle_in_transaction_session_timeout", []db.SessionOption{db.IdleInTransactionTimeout(5 * time.Second)}, "5s"},
			{"transaction_read_only", []db.SessionOption{db.ReadOnly(), db.ReadWrite()}, "off"},
			{"transaction_read_only", []db.SessionOption{db.ReadWrite(), db.ReadOnly()}, "on"},
		} {
			s, tx := sessionNew(t, conn, t.Context(), test.opts...)
			if got := sessionScan[string](t, tx, "SELECT current_setting(?)", test.setting); got != test.want {
				t.Errorf("%s: %s: %s, want %s", name, test.setting, got, test.want)
			}
			sessionMust(t, s.Commit())
		}
	}
}
