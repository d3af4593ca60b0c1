package db_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// resetStateSQL is all that one session could leave to the next on its connection.
const resetStateSQL = `
	SELECT 'setting ' || name || ' = ' || setting FROM pg_settings
		WHERE source = 'session' AND name NOT LIKE 'transaction\_%' AND setting <> ''
		OR name IN ('application_name', 'statement_timeout', 'idle_in_transaction_session_timeout', 'search_path', 'TimeZone',
			'DateStyle', 'client_encoding', 'standard_conforming_strings')
	UNION ALL SELECT 'user ' || current_user || ' of ' || session_user
	UNION ALL SELECT 'lock ' || objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
	UNION ALL SELECT 'table ' || relname FROM pg_class WHERE relpersistence = 't' AND pg_table_is_visible(oid)
	UNION ALL SELECT 'channel ' || channel FROM pg_listening_channels() AS channel
	UNION ALL SELECT 'cursor ' || name FROM pg_cursors WHERE is_holdable
	UNION ALL SELECT 'statement ' || name FROM pg_prepared_statements WHERE from_sql
	UNION ALL SELECT 'tenant ' || current_setting('app.tenant', true) WHERE current_setting('app.tenant', true) <> ''
	ORDER BY 1`

// resetState takes a session of its own, and rolls it back.
func resetState(t *testing.T, conn *db.DB) (state []string) {
	t.Helper()
	s, tx := sessionNew(t, conn, t.Context())
	defer s.Rollback()
	sessionMust(t, tx.Raw(resetStateSQL).Scan(&state).Error)
	return state
}

// resetFunctions are the database's own that set something; the last one is called by a word that is no function of PostgreSQL's.
const resetFunctions = `
	CREATE FUNCTION own_zone() RETURNS int LANGUAGE sql AS $$ SELECT set_config('timezone', 'Asia/Tokyo', false); SELECT 1 $$;
	CREATE FUNCTION own_block(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN SET search_path = pg_catalog; RETURN n; END $$;
	CREATE PROCEDURE own_lock() LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(8); END $$;
	CREATE FUNCTION conflict(n int) RETURNS int LANGUAGE sql AS $$ SELECT set_config('app.tenant', 'blue', false); SELECT n $$;
	CREATE FUNCTION filter(n int) RETURNS int LANGUAGE sql AS $$ SELECT set_config('app.tenant', 'blue', false); SELECT n $$;
	CREATE FUNCTION "now"(n int) RETURNS int LANGUAGE sql AS $$ SELECT set_config('app.tenant', 'blue', false); SELECT n $$;
	CREATE TABLE lines (line text)`

// resetLeavings are statements that set what outlives their transaction.
var resetLeavings = []string{
	"SET statement_timeout = 12345",
	"set session statement_timeout to '12s'",
	"SET TIME ZONE 'Asia/Tokyo'",
	"SET NAMES 'LATIN1'",
	"SET ROLE pg_monitor",
	"SET SESSION AUTHORIZATION pg_monitor",
	"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE",
	"SET search_path = pg_catalog",
	"SET application_name = 'another'",
	"RESET application_name; SET idle_in_transaction_session_timeout = 0",
	"/* a */ SET -- b\n lock_timeout = 5",
	"SELECT 1; SET lock_timeout = 5",
	"SELECT set_config('app.tenant', 'blue', false)",
	"SELECT pg_catalog.set_config('app.tenant', 'blue', false)",
	`SELECT "pg_catalog" . "set_config" ('app.tenant', 'blue', false)`,
	"SELECT SET_CONFIG/* */('app.tenant', 'blue', false)",
	"WITH c AS (SELECT set_config('app.tenant', 'blue', false)) SELECT * FROM c",
	"SELECT * FROM set_config('app.tenant', 'blue', false)",
	"INSERT INTO lines VALUES ('a') RETURNING set_config('app.tenant', 'blue', false)",
	"INSERT INTO lines (line) SELECT set_config('app.tenant', 'blue', false)",
	"VALUES (set_config('app.tenant', 'blue', false))",
	"TABLE lines LIMIT length(set_config('app.tenant', 'blue', false))",
	"EXPLAIN ANALYZE SELECT set_config('app.tenant', 'blue', false)",
	"COPY (SELECT set_config('app.tenant', 'blue', false)) TO '/dev/null'",
	"UPDATE pg_settings SET setting = 5 WHERE name = 'lock_timeout'",
	`UPDATE "pg_settings" SET "setting" = 5 WHERE "name" = 'lock_timeout'`,
	`UPDATE "pg_catalog"."pg_settings" SET "setting" = 5 WHERE "name" = 'lock_timeout'`,
	"DO $$ BEGIN PERFORM set_config('app.tenant', 'blue', false); END $$",
	"SELECT own_zone()",
	"SELECT count(*) FROM generate_series(1, own_block(2))",
	"SELECT 1 WHERE public.own_block(1) = 1",
	"SELECT conflict(1)",
	"SELECT 1 + filter(1)",
	`SELECT public."now"(1)`,
	"CALL own_lock()",
	"SELECT pg_advisory_lock(7)",
	"SELECT pg_advisory_lock_shared(7)",
	"SELECT pg_try_advisory_lock(7)",
	"SELECT pg_try_advisory_lock_shared(7, 8)",
	"CREATE TEMP TABLE short AS SELECT 1",
	"CREATE TEMPORARY SEQUENCE short",
	"CREATE LOCAL TEMPORARY VIEW short AS SELECT 1",
	"CREATE TABLE pg_temp.short ()",
	"SELECT 1 AS n INTO TEMP short",
	"SELECT 1 AS n INTO TEMPORARY TABLE short",
	"SELECT 1 AS n INTO pg_temp.short",
	`SELECT 1 AS n INTO "pg_temp".short`,
	`WITH a AS (SELECT 1 AS n) SELECT n INTO "pg_temp"."short" FROM a`,
	"LISTEN news",
	"DECLARE held CURSOR WITH HOLD FOR SELECT 1",
	"PREPARE short AS SELECT 1",
	"SELECT setseed(0.5)",
	"LOAD 'auto_explain'",
	"DISCARD TEMP",
	"DEALLOCATE ALL",
}

// resetSend sends a statement by one of GORM's ways.
var resetSend = []func(tx *gorm.DB, query string) error{
	func(tx *gorm.DB, query string) error { return tx.Exec(query).Error },
	func(tx *gorm.DB, query string) error {
		var rows []map[string]any
		return tx.Raw(query).Scan(&rows).Error
	},
	func(tx *gorm.DB, query string) error {
		return tx.Session(&gorm.Session{PrepareStmt: true}).Exec(query).Error
	},
	func(tx *gorm.DB, query string) error {
		rows, err := tx.Raw(query).Rows()
		if err != nil {
			return err
		}
		rows.Next()
		return rows.Err() // left open
	},
}

// TestSessionLeavesNothingBehind: whatever a session has set, and however it sent it, the next one on its connection finds nothing.
func TestSessionLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	dbtest.Exec(t, url, resetFunctions)
	clean := resetState(t, conn)
	for n, query := range resetLeavings {
		for _, commits := range []bool{true, false} {
			s, tx := sessionNew(t, conn, t.Context())
			way := n % 2
			if strings.Contains(query, "; SET") { // two statements
				way = 0
			}
			if err := resetSend[way](tx, query); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			if commits {
				if err := s.Commit(); err != nil {
					t.Errorf("%s: %v", query, err)
				}
			}
			s.Rollback()
			if diff := cmp.Diff(clean, resetState(t, conn)); diff != "" {
				t.Errorf("%s (committed: %v) leaves (-want +got):\n%s", query, commits, diff)
			}
		}
	}
}

// TestSessionLeavesNothingBehindHoweverSent: the same by each of GORM's ways.
func TestSessionLeavesNothingBehindHoweverSent(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t, sessionPool(1, 0))
	clean := resetState(t, conn)
	for n, send := range resetSend {
		for range 2 { // GORM keeps what it has prepared
			sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
				return send(tx, "SELECT set_config('app.tenant', 'blue', false), pg_advisory_lock(7)")
			}))
			if diff := cmp.Diff(clean, resetState(t, conn)); diff != "" {
				t.Errorf("way %d leaves (-want +got):\n%s", n, diff)
			}
		}
	}
}
