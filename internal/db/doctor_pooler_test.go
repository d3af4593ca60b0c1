//go:build unix

package db_test

import (
	"testing"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// TestExamine_PgBouncer: in both of its modes, with the setting and without. One that ignores start-up parameters lets a
// connection without the setting through, and has prepared statements fail later.
func TestExamine_PgBouncer(t *testing.T) {
	t.Parallel()
	const ignores = "ignore_startup_parameters = client_min_messages, statement_timeout, idle_in_transaction_session_timeout"
	for name, test := range map[string]struct {
		more   []string
		set    bool
		status db.Verdict
		detail string
		limits db.Verdict // whether time-outs reach the server
	}{
		"transaction":             {nil, true, db.Sound, "one in transaction mode, as DB_PGBOUNCER says", db.Warn},
		"transaction, not set":    {[]string{ignores}, false, db.Fail, "in transaction mode, but DB_PGBOUNCER is off: prepared statements do not work", db.Warn},
		"session":                 {[]string{"pool_mode = session"}, true, db.Sound, "seems to give each client a backend of its own", db.Warn},
		"session, not set":        {[]string{"pool_mode = session", ignores}, false, db.Sound, "gives each client a backend of its own", db.Warn},
		"session, with one alone": {[]string{"pool_mode = session", "default_pool_size = 1", ignores}, false, db.Sound, "a backend of its own", db.Warn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := dbtest.Things(t)
			opts := doctorOptions(dbtest.PgBouncer(t, server, poolBouncerSize, test.more...))
			opts.PgBouncer = test.set
			watch := &poolUnderTest{t: t, watcher: dbtest.Connect(t, server)}
			found := examine(t, opts, db.Surroundings{Instances: 1000})
			found.wants(t, "pooler", test.status, test.detail)
			found.wants(t, "timeouts", test.limits, "DB_STATEMENT_TIMEOUT does not reach the server")
			if test.set {
				found.wants(t, "pool_budget", db.Sound, "15000 connections to PgBouncer")
			}
			if n := watch.look("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"); n != 0 {
				t.Errorf("%d transactions are left open", n)
			}
		})
	}
}

// TestExamine_PgBouncerSetOnTheRole: what the setting can not send, the role can have.
func TestExamine_PgBouncerSetOnTheRole(t *testing.T) {
	t.Parallel()
	server := dbtest.Things(t)
	name := dbtest.Ask[string](t, server, "SELECT current_database()")
	for _, limit := range []string{"statement_timeout = '20s'", "idle_in_transaction_session_timeout = '40s'"} {
		dbtest.Exec(t, server, "ALTER DATABASE "+name+" SET "+limit)
	}
	opts := doctorOptions(dbtest.PgBouncer(t, server, poolBouncerSize))
	opts.PgBouncer = true
	examine(t, opts, db.Surroundings{}).wants(t, "timeouts", db.Sound, "statement_timeout 20s")
}
