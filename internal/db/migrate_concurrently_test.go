package db_test

import (
	"strings"
	"testing"
	"time"
)

// migrateConcurrently are migrations without a transaction: each of their
// statements waits for all transactions that have an older snapshot.
func migrateConcurrently() []string {
	return []string{
		"00001_tables.sql", `-- +goose Up
CREATE TABLE notes (id int PRIMARY KEY, body text);
INSERT INTO notes SELECT n, 'note' FROM generate_series(1, 100) n;
CREATE TABLE parts (id int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10);
`,
		"00002_index.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY notes_body ON notes (body);\n-- +goose Down\nDROP INDEX CONCURRENTLY notes_body;\n",
		"00003_reindex.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nREINDEX INDEX CONCURRENTLY notes_body;\nREINDEX TABLE CONCURRENTLY notes;\n",
		"00004_detach.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nALTER TABLE parts DETACH PARTITION parts_1 CONCURRENTLY;\n",
		"00005_drop.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nDROP INDEX CONCURRENTLY notes_body;\n-- +goose Down\nCREATE INDEX CONCURRENTLY notes_body ON notes (body);\n",
	}
}

const migrateConcurrentlyDone = `SELECT (SELECT count(*) FROM goose_db_version WHERE version_id > 0) = 5
	AND to_regclass('notes_body') IS NULL AND NOT EXISTS (SELECT FROM pg_inherits)`

// TestMigrate_Concurrently: five instances at once, for each default isolation
// of the role; one applies each migration, all of them end.
func TestMigrate_Concurrently(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "repeatable read", "serializable"} {
		for _, bouncer := range []bool{false, true} {
			name := isolation
			if bouncer {
				name += " through PgBouncer"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				m := migrateNew(t, migrateFiles(migrateConcurrently()...))
				m.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''` + isolation + `''', current_database()); END $$`)
				if bouncer {
					m.opts.URL, m.opts.PgBouncer = poolBouncer(t, m.url), true
				}
				m.fiveAtOnce()
				m.waits("all five are applied", migrateConcurrentlyDone)
				if text := m.one("SELECT version_id FROM goose_db_version GROUP BY 1 HAVING count(*) > 1 UNION ALL SELECT 0"); text != "0" {
					t.Errorf("version %s was applied twice", text)
				}
			})
		}
	}
}

func (m *migrateTest) fiveAtOnce() {
	m.t.Helper()
	errs := poolTogether(5, func(int) error {
		_, err := m.up()
		return err
	})
	if len(errs) > 0 {
		m.t.Fatal(errs)
	}
}

// TestMigrate_DownConcurrently rolls migrations without a transaction back.
func TestMigrate_DownConcurrently(t *testing.T) {
	t.Parallel()
	m := migrateNew(t, migrateFiles(migrateConcurrently()...))
	m.mustUp()
	for _, want := range []string{"00005_drop.sql", "00004_detach.sql", "00003_reindex.sql", "00002_index.sql"} {
		if name, err := m.migrator().Down(t.Context()); err != nil || name != want {
			t.Fatalf("down: %q, %v, want %s", name, err, want)
		}
	}
	if left := m.one("SELECT coalesce(to_regclass('notes_body')::text, 'gone')"); left != "gone" {
		t.Errorf("left: %s", left)
	}
}

// TestMigrate_LockHoldsNoSnapshot looks at the transaction that holds the lock.
func TestMigrate_LockHoldsNoSnapshot(t *testing.T) {
	t.Parallel()
	m := migrateNew(t, migrateFiles("00001_sleep.sql", "-- +goose Up\nLOCK TABLE gate;\n"))
	m.exec("CREATE TABLE gate (id int)")
	_, release := m.hold("LOCK TABLE gate")
	defer release()
	done := m.started(t.Context())
	m.waits("the migration waits", "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))")
	const holder = `FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND a.datname = current_database()`
	if text := m.one("SELECT count(*)::text || ' ' || count(a.backend_xmin)::text || ' ' || count(a.backend_xid)::text " + holder); text != "1 0 0" {
		t.Errorf("holders, with a snapshot, with a transaction number: %s", text)
	}
	release()
	if err := m.ended(done); err != nil {
		t.Error(err)
	}
}

// TestMigrate_LockLost: the backend that holds the lock is ended while a
// migration waits. The migration notices, and another instance applies it.
func TestMigrate_LockLost(t *testing.T) {
	t.Parallel()
	m := migrateNew(t, migrateFiles("00001_gate.sql", "-- +goose Up\nLOCK TABLE gate;\nCREATE TABLE made (id int);\n"))
	m.exec("CREATE TABLE gate (id int)")
	_, release := m.hold("LOCK TABLE gate")
	defer release()
	done := m.started(t.Context())
	m.waits("the migration waits", "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())")
	m.exec(`SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND a.datname = current_database()`)
	if err := m.ended(done); err == nil || !strings.Contains(err.Error(), "lost the connection that holds the migration lock") {
		t.Errorf("want an error that says the lock was lost, got %v", err)
	}
	release()
	m.mustUp()
	if n := m.one("SELECT count(*)::text FROM goose_db_version WHERE version_id = 1"); n != "1" {
		t.Errorf("applied %s times", n)
	}
}

// TestMigrate_NothingPendingNeedsNoLock: an instance that starts does not wait
// for another one's long migration if it has none of its own.
func TestMigrate_NothingPendingNeedsNoLock(t *testing.T) {
	t.Parallel()
	first := []string{"00001_notes.sql", "-- +goose Up\nCREATE TABLE gate (id int);\n"}
	m := migrateNew(t, migrateFiles(first...))
	m.mustUp()
	_, release := m.hold("LOCK TABLE gate")
	defer release()
	newer := *m
	newer.opts.Migrations = migrateFiles(append(first, "00002_gate.sql", "-- +goose Up\nLOCK TABLE gate;\n")...)
	done := newer.started(t.Context())
	m.waits("the newer one waits", "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())")
	began := time.Now()
	m.mustUp()
	if took := time.Since(began); took > poolPatience/2 {
		t.Errorf("took %v", took)
	}
	release()
	if err := m.ended(done); err != nil {
		t.Error(err)
	}
}
