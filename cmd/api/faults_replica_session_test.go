//go:build faults

package main

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/devdb"
)

// holdReplay stops the replica's replay, so that it ages, and returns what lets it go on.
func holdReplay(t *testing.T, replica string) (resume func()) {
	t.Helper()
	dbtest.Exec(t, replica, "SELECT pg_wal_replay_pause()")
	dbtest.Eventually(t, "replay is paused", func() bool {
		return dbtest.Ask[string](t, replica, "SELECT pg_get_wal_replay_pause_state()") == "paused"
	})
	return func() { dbtest.Exec(t, replica, "SELECT pg_wal_replay_resume()") }
}

// replicaOptions are those of a pool with a replica, whatever its age.
func replicaOptions(primary, replica *devdb.Server) db.Options {
	opts := db.Options{URL: primary.URL(), PoolSize: 1, MaxOverflow: 1, PoolTimeout: patience, Recycle: -1, PrePing: true, ConnectTimeout: 5 * time.Second}
	there := opts
	there.URL = replica.URL()
	opts.Replica, opts.ReadMaxLag = &there, time.Hour
	return opts
}

// openReplica waits until sessions may use the replica.
func openReplica(t *testing.T, primary, replica *devdb.Server) *db.DB {
	t.Helper()
	conn, err := db.Open(t.Context(), replicaOptions(primary, replica))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	dbtest.Eventually(t, "the replica is used", func() bool { return served(t, conn, db.ReadOnly(), db.FromReplica()) == "replica" })
	return conn
}

// served says where a session runs.
func served(t *testing.T, conn *db.DB, opts ...db.SessionOption) (where string) {
	t.Helper()
	err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		return tx.Raw("SELECT CASE WHEN pg_is_in_recovery() THEN 'replica' ELSE 'primary' END").Scan(&where).Error
	}, opts...)
	if err != nil {
		t.Errorf("a session: %v", err)
	}
	return where
}

// reading runs statements in one session that may use the replica.
func reading(ctx context.Context, conn *db.DB, statements ...string) error {
	return conn.WithSession(ctx, func(tx *gorm.DB) error {
		var errs []error
		for _, statement := range statements {
			if statement != "" {
				errs = append(errs, tx.Exec(statement, 1).Error)
			}
		}
		return errors.Join(errs...)
	}, db.ReadOnly(), db.FromReplica())
}

// TestFaultReplicaChoice: only sessions that may read old data go to the replica,
// and those that find less there than at the primary go on to that.
func TestFaultReplicaChoice(t *testing.T) {
	t.Parallel()
	primary, replica := startReplica(t, nil)
	conn := openReplica(t, primary, replica)
	for name, opts := range map[string][]db.SessionOption{
		"by default":     {},
		"reading only":   {db.ReadOnly()},
		"writing":        {db.FromReplica()},
		"a GET's writes": {db.FromReplica(), db.ReadOnly(), db.ReadWrite()},
		"the latest":     {db.FromReplica(), db.ReadOnly(), db.FromPrimary()},
		"serializable":   {db.FromReplica(), db.ReadOnly(), db.Isolation(sql.LevelSerializable)},
	} {
		if where := served(t, conn, opts...); where != "primary" {
			t.Errorf("%s: served by the %s", name, where)
		}
	}
	resume := holdReplay(t, replica.URL())
	dbtest.Exec(t, primary.URL(), "CREATE TABLE latest AS SELECT 1 AS id")
	if err := reading(t.Context(), conn, "SELECT FROM latest WHERE id = ?"); err != nil {
		t.Errorf("a table that the replica does not have: %v", err)
	}
	resume()
	busy := conn.Status().Timeouts
	for range 2 { // all connections to the replica are out
		s := conn.NewSession(t.Context(), db.ReadOnly(), db.FromReplica())
		defer s.Rollback()
		if err := s.DB().Exec("SELECT ?::int", 1).Error; err != nil {
			t.Fatal(err)
		}
	}
	if where := served(t, conn, db.ReadOnly(), db.FromReplica()); where != "primary" {
		t.Errorf("while the replica is busy: served by the %s", where)
	}
	if there, _ := conn.Replica(); there.Status().Timeouts != 0 || conn.Status().Timeouts != busy {
		t.Errorf("what went on to the primary is counted as timed out")
	}
}

// TestFaultReplicaConflict: the replica cancels a statement that is in the way of
// what it has to replay. The first one of a session is repeated at the primary,
// and a later one is an error that may be tried again.
func TestFaultReplicaConflict(t *testing.T) {
	t.Parallel()
	primary, replica := startReplica(t, map[string]string{"max_standby_streaming_delay": "0"})
	dbtest.Exec(t, primary.URL(), "CREATE TABLE contended AS SELECT 1 AS id")
	conn := openReplica(t, primary, replica)
	const slow = "SELECT pg_sleep(CASE WHEN pg_is_in_recovery() THEN 60 ELSE 0 END) FROM contended WHERE id = ?"
	for name, first := range map[string]string{"first": "", "later": "SELECT ?::int"} {
		result := make(chan error, 1)
		go func() { result <- reading(t.Context(), conn, first, slow) }()
		dbtest.Eventually(t, name+": the replica runs the statement", func() bool {
			select {
			case err := <-result: // too early, at the primary: the replica was not yet in use
				t.Log(err)
				go func() { result <- reading(t.Context(), conn, first, slow) }()
			default:
			}
			return dbtest.Ask[int](t, replica.URL(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 1
		})
		dbtest.Exec(t, primary.URL(), "ALTER TABLE contended ADD COLUMN IF NOT EXISTS "+name+" int")
		err := <-result
		if first == "" && err != nil || first != "" && (db.Classify(err) != db.Unavailable || !strings.Contains(err.Error(), "conflict with recovery")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dbtest.Eventually(t, "the conflicts are counted", func() bool {
		return dbtest.Ask[int](t, replica.URL(), "SELECT confl_lock::int FROM pg_stat_database_conflicts WHERE datname = current_database()") == 2
	})
}
