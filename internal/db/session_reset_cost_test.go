package db_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// TestSessionResetIsFree: it costs no round trip, no connection and none of the prepared statements; sessions that set nothing get none.
func TestSessionResetIsFree(t *testing.T) {
	t.Parallel()
	direct := dbtest.Things(t)
	proxy := dbtest.NewProxy(t, direct)
	conn := sessionOpenAt(t, proxy.URL(), new(dbtest.Log), sessionPool(1, 0))
	const statements = "SELECT statement FROM pg_prepared_statements WHERE NOT from_sql AND statement <> ? ORDER BY 1"
	session := func(queries ...string) (trips int64, prepared []string) {
		before := proxy.RoundTrips()
		sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			for _, query := range queries {
				sessionMust(t, tx.Exec(query, 1).Error)
			}
			return tx.Raw(statements, "").Scan(&prepared).Error
		}))
		return proxy.RoundTrips() - before, prepared
	}
	const plain, setting = "SELECT ?::int", "SELECT set_config('app.tenant', concat(?::int), false)"
	session(plain, plain)
	session(setting, plain)
	plainTrips, before := session(plain, plain)
	settingTrips, after := session(plain, setting)
	if plainTrips != settingTrips {
		t.Errorf("a session that sets something takes %d round trips, else %d", settingTrips, plainTrips)
	}
	if diff := cmp.Diff(before, after); diff != "" || len(after) < 3 {
		t.Errorf("prepared statements (-before +after):\n%s", diff)
	}
	if n := conn.Counters().Opened; n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	if got := sessionAsk[string](t, direct, `SELECT query FROM pg_stat_activity
		WHERE datname = current_database() AND starts_with(application_name, 'transcription-api ')`); got != "commit"+resetExpected {
		t.Errorf("the last session ended with %q", got)
	}
	session(plain)
	if got := sessionAsk[string](t, direct, `SELECT query FROM pg_stat_activity
		WHERE datname = current_database() AND starts_with(application_name, 'transcription-api ')`); got != "commit" {
		t.Errorf("a session that set nothing ended with %q", got)
	}
}

const resetExpected = `; RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP; DISCARD SEQUENCES; SELECT pg_catalog.pg_advisory_unlock_all()`

// TestSessionResetRollback: only the transaction is ended.
func TestSessionResetRollback(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t, sessionPool(1, 0), func(o *db.Options) { o.Reset = db.ResetRollback })
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		return tx.Exec("SET TIME ZONE 'Asia/Tokyo'; SELECT pg_advisory_lock(7); PREPARE short AS SELECT 1").Error
	}))
	state := resetState(t, conn)
	for _, want := range []string{"setting TimeZone = Asia/Tokyo", "lock 7", "statement short"} {
		if !slices.Contains(state, want) {
			t.Errorf("%q is gone; there is %q", want, state)
		}
	}
}

// TestSessionResetAfterAFailedCommit: what failed at COMMIT, with nothing to reset, is no reason to connect again.
func TestSessionResetAfterAFailedCommit(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	sessionTrigger(t, url, "RAISE unique_violation;")
	for range 3 {
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error { return sessionInsert(tx, "a") })
		if db.Classify(err) != db.Conflict {
			t.Error(err)
		}
	}
	if n := conn.Counters().Opened; n != 1 {
		t.Errorf("%d connections were opened, want 1", n)
	}
}

// TestSessionSpoilsItsConnection: what no reset undoes ends the connection, and nothing else does.
func TestSessionSpoilsItsConnection(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t, sessionPool(1, 0))
	for query, want := range map[string]bool{
		"LOAD 'auto_explain'": true, "SELECT setseed(0.5)": true, `SELECT "setseed"(0.5)`: true, "SET seed = 0.5": true, "SET LOCAL seed TO 0.5": true,
		"PREPARE short AS SELECT 1": true, "DEALLOCATE ALL": true, "SET lock_timeout = 5": false, "DISCARD PLANS": false,
		"DISCARD TEMP": false, "DISCARD SEQUENCES": false, "SELECT seed FROM (SELECT 1 AS seed) AS a": false,
	} {
		var pids [2]int
		for i := range pids {
			sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
				pids[i] = sessionPID(t, tx)
				return tx.Exec(query).Error
			}))
		}
		if changed := pids[0] != pids[1]; changed != want {
			t.Errorf("%s: the next session has another connection: %v, want %v", query, changed, want)
		}
	}
}

// TestSessionResetWhatItsTextDoesNotShow: PostgreSQL reports some settings, whoever has changed them; a trigger for instance.
func TestSessionResetWhatItsTextDoesNotShow(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	sessionTrigger(t, url, "PERFORM set_config('timezone', 'Asia/Tokyo', false), pg_catalog.pg_advisory_lock(7);")
	clean := resetState(t, conn)
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return sessionInsert(tx, "a") }))
	if diff := cmp.Diff(clean, resetState(t, conn)); diff != "" {
		t.Errorf("a trigger leaves (-want +got):\n%s", diff)
	}
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		return tx.Exec("SET LOCAL TIME ZONE 'Asia/Tokyo'").Error
	}))
	if got := sessionAsk[string](t, url, `SELECT query FROM pg_stat_activity
		WHERE datname = current_database() AND starts_with(application_name, 'transcription-api ')`); got != "commit" {
		t.Errorf("after SET LOCAL, which leaves nothing: %s", got)
	}
	if n := conn.Counters().Opened; n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}
