package db_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/devdb"
)

// sessionAlterDatabase changes a setting of the test's database from another one, for the connections to come.
func sessionAlterDatabase(t *testing.T, target, change string) {
	t.Helper()
	u, err := url.Parse(target)
	sessionMust(t, err)
	dbtest.Exec(t, os.Getenv("TEST_DATABASE_URL"), "ALTER DATABASE "+u.Path[1:]+" "+change)
}

// TestSessionOnAReadOnlyServer: after a failover the pool's connections may lead to what is now the standby.
func TestSessionOnAReadOnlyServer(t *testing.T) {
	t.Parallel()
	ways := map[string]func(*gorm.DB) error{
		"Exec": func(tx *gorm.DB) error { return sessionInsert(tx, "a") },
		"Row": func(tx *gorm.DB) error {
			var id int64
			return tx.Raw("INSERT INTO test_things (title, link) VALUES ('a', 'https://example.com/a.wav') RETURNING id").Row().Scan(&id)
		},
	}
	for name, write := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := dbtest.Things(t)
			sessionAlterDatabase(t, target, "SET default_transaction_read_only = on")
			conn := sessionOpenAt(t, target, new(dbtest.Log))
			sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error }, db.ReadOnly()))
			err := conn.WithSession(t.Context(), write)
			if !errors.Is(err, db.ErrUnavailable) || db.Classify(err) != db.Unavailable {
				t.Errorf("a write: %v, class %d, want Unavailable", err, db.Classify(err))
			}
			if n := conn.Counters().Invalidated; n == 0 {
				t.Error("the connections are kept")
			}
			sessionAlterDatabase(t, target, "RESET default_transaction_read_only")
			dbtest.Eventually(t, "20 writes in a row succeed", func() bool {
				for range 20 {
					if conn.WithSession(t.Context(), write) != nil {
						return false
					}
				}
				return true
			})
		})
	}
}

// TestSessionCommitWithoutItsStandby: PostgreSQL answers a COMMIT that is cancelled while it waits for a synchronous
// standby with success and a warning. The row is there, and lost at the next failover.
func TestSessionCommitWithoutItsStandby(t *testing.T) {
	t.Parallel()
	target := dbtest.Server(t, devdb.Options{}).URL()
	dbtest.Exec(t, target, "CREATE TABLE notes (n int)")
	conn := sessionOpenAt(t, target, new(dbtest.Log))
	dbtest.Exec(t, target, "ALTER SYSTEM SET synchronous_standby_names = 'missing'")
	dbtest.Exec(t, target, "SELECT pg_reload_conf()")
	watch := dbtest.Connect(t, target)
	for start := time.Now(); ; { // until the reload has reached all of the server's processes
		waited, err := sessionWatchedCommit(t, conn, func() (waits bool) {
			query := "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')"
			sessionMust(t, watch.QueryRow(t.Context(), query).Scan(&waits))
			return waits
		})
		switch {
		case waited && !errors.Is(err, db.ErrCommitUnknown):
			t.Fatalf("%v, want ErrCommitUnknown", err)
		case waited:
			return
		case time.Since(start) > sessionPatience:
			t.Fatalf("no COMMIT waits for the standby; the last: %v", err)
		}
	}
}

// sessionWatchedCommit commits a row within 3 s, and tells whether waits was true in between.
func sessionWatchedCommit(t *testing.T, conn *db.DB, waits func() bool) (waited bool, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	s, tx := sessionNew(t, conn, ctx)
	if err := tx.Exec("INSERT INTO notes VALUES (1)").Error; err != nil {
		return false, err
	}
	result := make(chan error, 1)
	go func() { result <- s.Commit() }()
	for {
		select {
		case err := <-result:
			return waited, err
		default:
			waited = waits() || waited
		}
	}
}

// TestSessionHiddenWarning: the role, the database or the URL may keep warnings from the client. COMMIT's must come.
func TestSessionHiddenWarning(t *testing.T) {
	t.Parallel()
	for _, parameter := range []string{"", "&client_min_messages=error", "&options=-c%20client_min_messages%3Derror"} {
		target := dbtest.Things(t)
		sessionAlterDatabase(t, target, "SET client_min_messages = error")
		sessionTrigger(t, target, "RAISE WARNING 'of COMMIT';")
		conn := sessionOpenAt(t, target+parameter, new(dbtest.Log))
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error { return sessionInsert(tx, "a") })
		if !errors.Is(err, db.ErrCommitUnknown) {
			t.Errorf("URL with %q: %v, want ErrCommitUnknown", parameter, err)
		}
	}
}

// TestSessionFailedCommitKeepsItsConnection: a COMMIT that PostgreSQL refuses is no fault of the connection.
func TestSessionFailedCommitKeepsItsConnection(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	sessionTrigger(t, url, "RAISE EXCEPTION 'refused';")
	var pid int
	err := conn.WithSession(t.Context(), func(tx *gorm.DB) error { pid = sessionPID(t, tx); return sessionInsert(tx, "a") })
	if err == nil {
		t.Error("COMMIT succeeded")
	}
	sessionSame(t, conn, pid)
}

// TestSessionOnAServerBeingPromoted: a transaction that began on the standby refuses writes to its end, while the server says
// already that it takes them. That is the failover's doing, not the program's. Neither is SERIALIZABLE, which no standby does.
func TestSessionOnAServerBeingPromoted(t *testing.T) {
	t.Parallel()
	server := dbtest.Server(t, devdb.Options{})
	dbtest.Exec(t, server.URL(), "CREATE TABLE notes (n int)")
	dbtest.Exec(t, server.URL(), "COPY (SELECT) TO PROGRAM 'cat >standby.signal'")
	sessionMust(t, server.Restart(t.Context()))
	conn := sessionOpenAt(t, server.URL(), new(dbtest.Log), sessionPool(1, 0))
	write := func(tx *gorm.DB) error { return tx.Exec("INSERT INTO notes VALUES (1)").Error }
	alone := func(tx *gorm.DB) error { return tx.Exec("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE").Error }
	for name, test := range map[string]struct {
		do   func(*gorm.DB) error
		opts []db.SessionOption
	}{
		"a writer": {write, nil}, "SERIALIZABLE": {write, []db.SessionOption{db.Isolation(sql.LevelSerializable)}}, "SERIALIZABLE by itself": {alone, nil},
		"a SERIALIZABLE reader": {write, []db.SessionOption{db.Isolation(sql.LevelSerializable), db.ReadOnly()}},
	} {
		before := conn.Counters().Invalidated
		err := conn.WithSession(t.Context(), test.do, test.opts...)
		if !errors.Is(err, db.ErrUnavailable) || db.Classify(err) != db.Unavailable {
			t.Errorf("%s on the standby: %v, class %d, want Unavailable", name, err, db.Classify(err))
		}
		if conn.Counters().Invalidated == before {
			t.Errorf("%s: the connections to the standby are kept", name)
		}
	}
	err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		sessionMust(t, tx.Exec("SELECT 1").Error)
		dbtest.Exec(t, server.URL(), "SELECT pg_promote()")
		return write(tx)
	})
	if !errors.Is(err, db.ErrUnavailable) || db.Classify(err) != db.Unavailable {
		t.Errorf("begun on the standby: %v, class %d, want Unavailable", err, db.Classify(err))
	}
	if err := conn.WithSession(t.Context(), write); err != nil {
		t.Errorf("after the promotion: %v", err)
	}
}
