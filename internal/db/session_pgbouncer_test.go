//go:build unix

package db_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/devdb"
)

// sessionBounced opens a pool of one before a PgBouncer, which other programs use, too.
func sessionBounced(t *testing.T) (conn *db.DB, bounced, direct string) {
	t.Helper()
	direct = dbtest.Things(t)
	bounced = poolBouncer(t, direct)
	opts := sessionOptions(t, bounced, new(dbtest.Log))
	opts.PgBouncer, opts.PoolSize, opts.MaxOverflow = true, 1, 0
	return poolOpen(t, opts, direct).DB, bounced, direct
}

// TestPgBouncer_SessionLeavesNothingBehind: neither to the next session nor to another program on the same backend, and what
// each has told PgBouncer of itself stays.
func TestPgBouncer_SessionLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	conn, bounced, direct := sessionBounced(t)
	dbtest.Exec(t, direct, resetFunctions)
	other := dbtest.Connect(t, bounced+"&application_name=other&timezone=Asia/Tokyo&default_query_exec_mode=exec")
	look := func() (state []string) {
		t.Helper()
		rows, err := other.Query(t.Context(), resetStateSQL)
		sessionMust(t, err)
		for rows.Next() {
			var line string
			sessionMust(t, rows.Scan(&line))
			state = append(state, line)
		}
		sessionMust(t, rows.Err())
		return state
	}
	clean, others := resetState(t, conn), look()
	if want := "setting application_name = transcription-api"; !slices.Contains(clean, want) {
		t.Fatalf("not %s, but %q", want, clean)
	}
	for _, query := range resetLeavings {
		sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return tx.Exec(query).Error }))
		if diff := cmp.Diff(clean, resetState(t, conn)); diff != "" {
			t.Errorf("%s leaves (-want +got):\n%s", query, diff)
		}
		if diff := cmp.Diff(others, look()); diff != "" {
			t.Errorf("%s leaves to another program (-want +got):\n%s", query, diff)
		}
	}
}

// TestPgBouncer_SessionOnADemotedServer: what PgBouncer says of a server it has learnt from an earlier connection to it. A
// refused write is the failover's doing all the same.
func TestPgBouncer_SessionOnADemotedServer(t *testing.T) {
	t.Parallel()
	server := dbtest.Server(t, devdb.Options{})
	dbtest.Exec(t, server.URL(), "CREATE TABLE notes (n int)")
	bounced := dbtest.PgBouncer(t, server.URL(), 1, "server_login_retry = 0")
	conn := sessionOpenAt(t, bounced, new(dbtest.Log), sessionPool(1, 0), func(o *db.Options) { o.PgBouncer = true })
	write := func(tx *gorm.DB) error { return tx.Exec("INSERT INTO notes VALUES (1)").Error }
	sessionMust(t, conn.WithSession(t.Context(), write))
	dbtest.Exec(t, server.URL(), "COPY (SELECT) TO PROGRAM 'cat >standby.signal'")
	sessionMust(t, server.Restart(t.Context()))
	dbtest.Eventually(t, "a write reaches the standby", func() bool {
		err := conn.WithSession(t.Context(), write)
		if db.Classify(err) != db.Unavailable {
			t.Fatalf("%v, class %d, want Unavailable", err, db.Classify(err))
		}
		pg, ok := errors.AsType[*pgconn.PgError](err)
		return ok && pg.Code == "25006"
	})
	dbtest.Exec(t, server.URL(), "SELECT pg_promote()")
	sessionMust(t, conn.WithSession(t.Context(), write))
}
