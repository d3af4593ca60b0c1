package db_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/transcription-api/internal/db/dbtest"
)

// migrateShortly is the lock time-out of tests in which a migration waits in vain: long enough for the watcher, which looks
// five times meanwhile, to see for whom.
const migrateShortly = 500 * time.Millisecond

// migrateBoth runs a test on the server and through PgBouncer.
func migrateBoth(t *testing.T, files []string, test func(t *testing.T, m *migrateTest)) {
	for _, bouncer := range []bool{false, true} {
		t.Run(fmt.Sprintf("PgBouncer=%t", bouncer), func(t *testing.T) {
			t.Parallel()
			m := migrateNew(t, migrateFiles(files...))
			if bouncer {
				m.opts.URL, m.opts.PgBouncer = poolBouncer(t, m.url), true
			}
			m.exec("CREATE TABLE notes (id int PRIMARY KEY, body text) WITH (autovacuum_enabled = off)") // else its worker may be a blocker, too
			m.exec("INSERT INTO notes SELECT n, 'note' FROM generate_series(1, 100) n")
			test(t, m)
		})
	}
}

// TestMigrate_LockTimeout: a lock that never comes. The migration gives up, says
// who has the lock, shows nobody's data and leaves nothing.
func TestMigrate_LockTimeout(t *testing.T) {
	t.Parallel()
	files := []string{"00001_column.sql", "-- +goose Up\nCREATE TABLE made (id int);\nALTER TABLE notes ADD COLUMN more int;\n"}
	migrateBoth(t, files, func(t *testing.T, m *migrateTest) {
		m.opts.MigrateLockTimeout = migrateShortly
		pid, release := m.hold("SELECT count(*) FROM notes WHERE body <> 's3cret'")
		defer release()
		_, err := m.up()
		if err == nil {
			t.Fatal("no error")
		}
		pg, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || pg.Code != "55P03" {
			t.Errorf("not a lock time-out: %v", err)
		}
		for _, part := range []string{
			"00001_column.sql: statement 2 (ALTER TABLE notes ADD COLUMN more int;)", "nothing of it is kept", "given up after 4 attempts of 500ms",
			fmt.Sprintf("pid %d (idle in transaction", pid), "SELECT count(*) FROM notes WHERE body <>",
		} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("no %q in: %v", part, err)
			}
		}
		for _, part := range []string{"attempt 1 of 4", "attempt 4 of 4", fmt.Sprintf("blocked_by=\"[pid %d (idle", pid)} {
			if !strings.Contains(m.log.String(), part) {
				t.Errorf("no %q in the log", part)
			}
		}
		if strings.Contains(m.log.String()+err.Error(), "s3cret") {
			t.Error("the blocking query's literal is shown")
		}
		if text := m.one("SELECT coalesce(to_regclass('made')::text, 'nothing')"); text != "nothing" {
			t.Errorf("left: %s", text)
		}
	})
}

// TestMigrate_LockTimeoutThenFree: the blocking transaction ends after the
// first attempt has failed.
func TestMigrate_LockTimeoutThenFree(t *testing.T) {
	t.Parallel()
	files := []string{"00001_column.sql", "-- +goose Up\nALTER TABLE notes ADD COLUMN more int;\n"}
	migrateBoth(t, files, func(t *testing.T, m *migrateTest) {
		m.opts.MigrateLockTimeout = migrateShortly
		_, release := m.hold("SELECT count(*) FROM notes")
		defer release()
		done := m.started(t.Context())
		dbtest.Eventually(t, "the first attempt fails", func() bool { return strings.Contains(m.log.String(), "attempt 1 of 4") })
		release()
		if err := m.ended(done); err != nil {
			t.Error(err)
		}
	})
}

// TestMigrate_Limits: each statement has the lock time-out, and none of the
// time-outs that the role, the database or the URL sets.
func TestMigrate_Limits(t *testing.T) {
	t.Parallel()
	const limits = `current_setting('lock_timeout') || ' ' || current_setting('statement_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout')`
	m := migrateNew(t, migrateFiles(
		"00001_in.sql", "-- +goose Up\nCREATE TABLE seen AS SELECT 1 AS n, "+limits+" AS limits;\nSET lock_timeout = '7s';\nSET statement_timeout = '7s';\n",
		"00002_out.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nINSERT INTO seen SELECT 2, "+limits+";\nSET lock_timeout = '7s';\nINSERT INTO seen SELECT 3, "+limits+";\n",
		"00003_in.sql", "-- +goose Up\nINSERT INTO seen SELECT 4, "+limits+";\n",
	))
	m.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET statement_timeout = ''1s''', current_database()); END $$`)
	m.opts.URL += "&options=-c%20idle_in_transaction_session_timeout%3D500"
	m.opts.MigrateLockTimeout = 3 * time.Second
	m.mustUp()
	if text := m.one("SELECT string_agg(limits, ', ' ORDER BY n) FROM seen"); text != "3s 0 0, 3s 0 0, 7s 0 0, 3s 0 0" {
		t.Errorf("lock, statement and idle time-outs: %s", text)
	}
}

// TestMigrate_LimitsThroughPgBouncer: a transaction has them there, too, and no
// other client of the pooler finds them.
func TestMigrate_LimitsThroughPgBouncer(t *testing.T) {
	t.Parallel()
	const limits = `current_setting('lock_timeout') || ' ' || current_setting('statement_timeout')`
	m := migrateNew(t, migrateFiles(
		"00001_in.sql", "-- +goose Up\nCREATE TABLE seen AS SELECT "+limits+" AS limits;\n",
		"00002_out.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nINSERT INTO seen SELECT "+limits+";\n",
	))
	m.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET statement_timeout = ''9s''', current_database()); END $$`)
	m.opts.URL, m.opts.PgBouncer = poolBouncer(t, m.url), true
	m.mustUp()
	if text := m.one("SELECT string_agg(limits, ', ' ORDER BY limits DESC) FROM seen"); text != "30s 0, 0 9s" {
		t.Errorf("lock and statement time-outs: %s", text)
	}
}

// TestMigrate_InvalidIndex: CREATE INDEX CONCURRENTLY that gives up leaves an
// invalid index, which the error names and the next attempt drops, with or
// without IF NOT EXISTS.
func TestMigrate_InvalidIndex(t *testing.T) {
	t.Parallel()
	for _, maybe := range []string{"", "IF NOT EXISTS "} {
		files := []string{"00001_index.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE IF NOT EXISTS made (id int);\n" +
			"CREATE INDEX CONCURRENTLY " + maybe + "notes_body ON notes (body);\n"}
		t.Run(maybe, func(t *testing.T) {
			t.Parallel()
			migrateBoth(t, files, func(t *testing.T, m *migrateTest) {
				m.opts.MigrateLockTimeout = migrateShortly
				_, release := m.hold("UPDATE notes SET body = 'changed' WHERE id = 1")
				defer release()
				_, err := m.up()
				if err == nil || !strings.Contains(err.Error(), "by hand: DROP INDEX CONCURRENTLY notes_body") || !strings.Contains(err.Error(), "attempts of 500ms") {
					t.Errorf("want an error with the recipe, got %v", err)
				}
				release()
				m.opts.MigrateLockTimeout = poolPatience
				m.mustUp()
				m.waits("the index is valid", "SELECT count(*) = 1 FROM pg_index WHERE indrelid = 'notes'::regclass AND indexrelid = 'notes_body'::regclass AND indisvalid")
			})
		})
	}
}

// TestMigrate_Interrupted: the other statements that leave something behind end
// by themselves when the blocking transaction does.
func TestMigrate_Interrupted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ before, blocker, statement, done string }{
		"create": {
			"SELECT", "UPDATE notes SET body = 'changed' WHERE id = 1", "CREATE UNIQUE INDEX CONCURRENTLY notes_unique ON notes (id, body)",
			"SELECT count(*) = 2 FROM pg_index WHERE indrelid = 'notes'::regclass AND indisvalid",
		},
		"reindex": {
			"CREATE INDEX notes_body ON notes (body)", "UPDATE notes SET body = 'changed' WHERE id = 1", "REINDEX INDEX CONCURRENTLY notes_body",
			"SELECT count(*) = 2 AND bool_and(indisvalid) FROM pg_index WHERE indrelid = 'notes'::regclass",
		},
		"reindex table": {
			"CREATE INDEX notes_body ON notes (body)", "UPDATE notes SET body = 'changed' WHERE id = 1", "REINDEX TABLE CONCURRENTLY notes",
			"SELECT count(*) = 2 AND bool_and(indisvalid) FROM pg_index WHERE indrelid = 'notes'::regclass",
		},
		"drop": {
			"CREATE INDEX notes_body ON notes (body)", "SELECT count(*) FROM notes", "DROP INDEX CONCURRENTLY notes_body",
			"SELECT count(*) = 1 FROM pg_index WHERE indrelid = 'notes'::regclass",
		},
		"detach": {
			"CREATE TABLE parts (id int) PARTITION BY RANGE (id); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (9)",
			"SELECT count(*) FROM parts", "ALTER TABLE parts DETACH PARTITION parts_1 CONCURRENTLY",
			"SELECT NOT EXISTS (SELECT FROM pg_inherits)",
		},
	}
	for name, test := range tests {
		files := []string{"00001_once.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE made (id int);\n" + test.statement + ";\n"}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			migrateBoth(t, files, func(t *testing.T, m *migrateTest) {
				for statement := range strings.SplitSeq(test.before, ";") {
					m.exec(statement)
				}
				m.opts.MigrateLockTimeout = migrateShortly
				pid, release := m.hold(test.blocker)
				defer release()
				done := m.started(t.Context())
				dbtest.Eventually(t, "the first attempt fails", func() bool { return strings.Contains(m.log.String(), "attempt 1 of 4") })
				release()
				if err := m.ended(done); err != nil {
					t.Error(err)
				}
				m.waits("it is done", test.done)
				if !strings.Contains(m.log.String(), fmt.Sprintf("pid %d ", pid)) {
					t.Error("the log does not name the blocking backend")
				}
			})
		})
	}
}

// TestMigrate_HalfWay: a migration fails at its second statement.
func TestMigrate_HalfWay(t *testing.T) {
	t.Parallel()
	const up = "-- +goose Up\nCREATE TABLE made (id int);\nINSERT INTO made VALUES ('s3cret');\n"
	tests := map[string]struct{ text, left, says string }{
		"in a transaction": {up, "nothing", "nothing of it is kept"},
		"without":          {"-- +goose NO TRANSACTION\n" + up, "made", "the statements before it stay"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := migrateNew(t, migrateFiles("00001_good.sql", "-- +goose Up\nCREATE TABLE good (id int);\n", "00002_half.sql", test.text))
			applied, err := m.up()
			if len(applied) != 1 || applied[0] != "00001_good.sql" {
				t.Errorf("applied %v", applied)
			}
			for _, part := range []string{"00002_half.sql: statement 2 (INSERT INTO made VALUES ('…');): ", "invalid input syntax", test.says} {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("no %q in: %v", part, err)
				}
			}
			if left := m.one("SELECT coalesce(to_regclass('made')::text, 'nothing')"); left != test.left {
				t.Errorf("left: %s, want %s", left, test.left)
			}
			if n := m.one("SELECT count(*)::text FROM goose_db_version WHERE version_id > 0"); n != "1" {
				t.Errorf("%s migrations recorded, want 1", n)
			}
		})
	}
}
