package db

import (
	"strings"
	"testing"
	"time"
)

// TestEndsTransaction: each text is one that PostgreSQL takes as it says here, whatever stands between, before or in it.
func TestEndsTransaction(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"COMMIT": true, "commit": true, "Commit;": true, "COMMIT WORK": true, "COMMIT TRANSACTION": true, "COMMIT AND CHAIN": true,
		"COMMIT AND NO CHAIN": true, "COMMIT PREPARED 'a'": true, "ROLLBACK": true, "rollback ;": true, "ROLLBACK WORK": true,
		"ROLLBACK AND CHAIN": true, "ROLLBACK TRANSACTION AND CHAIN": true, "ROLLBACK PREPARED 'a'": true,
		"END": true, "END WORK": true, "END AND CHAIN": true, "ABORT": true, "ABORT AND CHAIN": true,
		"BEGIN": true, "BEGIN READ ONLY": true, "BEGIN ISOLATION LEVEL SERIALIZABLE": true, "START TRANSACTION": true,
		"PREPARE TRANSACTION 'a'": true, "prepare\ttransaction 'a'": true,

		"/* a */ COMMIT": true, "-- a\nCOMMIT": true, "-- a\rCOMMIT": true, "/* /* a */ b */COMMIT": true, "\ufeff": false,
		"COMMIT -- a": true, "COMMIT/* a */AND/* b */CHAIN": true, ";;COMMIT": true, " \f\v\r\n\tCOMMIT": true,
		"ROLLBACK /* TO */": true, "ROLLBACK -- TO a": true, "ROLLBACK; -- TO a": true, "PREPARE /* a */ TRANSACTION 'a'": true,
		"-- COMMIT": false, "/* COMMIT */": false, "/* a; COMMIT */ SELECT 1": false, "/* /* */ COMMIT": false, "SELECT 1 -- ; COMMIT": false,

		"SELECT 1; COMMIT": true, "SELECT 1;COMMIT;BEGIN": true, "INSERT INTO test_things VALUES ('a'); COMMIT; BEGIN": true,
		"SELECT 1;": false, "SELECT 1;;": false, ";": false, "": false,
		"SELECT ';'; COMMIT": true, "SELECT '; COMMIT'": false, "SELECT 'a''; COMMIT; --'": false, `SELECT '\'; COMMIT; BEGIN; --'`: true,
		`SELECT E'\'; COMMIT; --'`: false, `SELECT e'\\'; COMMIT; --'`: true, "SELECT E'a'\n'\\'; COMMIT; --'": false,
		"SELECT E'a' -- b\n '\\''; COMMIT; BEGIN --'": true, "SELECT 'a'\n'\\'; COMMIT; BEGIN --'": true,
		"SELECT 'a' -- it's\n'b'; COMMIT": true, `SELECT U&'\0041; COMMIT'`: false, "SELECT B'01', X'1F', N'; COMMIT'": false,
		`SELECT "; COMMIT"`: false, `SELECT "a""; COMMIT"`: false, `SELECT "\"; COMMIT; BEGIN --"`: true, `SELECT U&"; COMMIT"`: false,
		"SELECT $$; COMMIT $$": false, "SELECT $a$ $$; COMMIT $a$": false, "SELECT $$a$$; COMMIT": true, "SELECT a$b$c; COMMIT": true,
		"SELECT $ä$; COMMIT; $ä$": false, "SELECT $1::text; COMMIT": true, "SELECT $1$a; COMMIT": true, "SELECT 1 AS a1$; COMMIT": true,
		"SELECT 2 */* a */ 3; COMMIT": true, "SELECT 1 --1\n; COMMIT": true, "SELECT 1 - -1; COMMIT": true,

		"SAVEPOINT a": false, "RELEASE a": false, "RELEASE SAVEPOINT commit": false, "ROLLBACK TO a": false, "ROLLBACK TO SAVEPOINT a": false,
		"rollback work to savepoint a": false, "ROLLBACK TRANSACTION TO a": false, "ROLLBACK /* a */ TO a": false,
		"SELECT CASE WHEN true THEN 1 END": false, "SELECT CASE 1 WHEN 1 THEN 2 END; SELECT 1": false, "UPDATE test_things SET commit = 1": false,
		`SELECT "commit", begin FROM a`: false, "DELETE FROM rollback": false, "PREPARE a AS SELECT 1": false, "EXECUTE a": false,
		"SET TRANSACTION READ ONLY": false, "DECLARE a CURSOR FOR SELECT 1": false, "LOCK TABLE test_things": false,
		"EXPLAIN SELECT 1": false, "COMMENT ON TABLE test_things IS 'COMMIT'": false, "WITH commit AS (SELECT 1) TABLE commit": false,

		"DO $$ BEGIN COMMIT; END $$": false, "CALL a()": false,
		"CREATE FUNCTION a() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END": false,
		"CREATE OR REPLACE PROCEDURE a() LANGUAGE sql BEGIN ATOMIC INSERT INTO b VALUES (1); END":                   false,
		"CREATE FUNCTION a() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END; COMMIT":                           true,
		"CREATE FUNCTION a() RETURNS void LANGUAGE sql BEGIN ATOMIC END; COMMIT; BEGIN":                             true,
		"CREATE FUNCTION a() RETURNS int LANGUAGE sql RETURN 1; COMMIT":                                             true,
		"CREATE FUNCTION a() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$":                             false,
		"SELECT begin atomic FROM a; COMMIT; BEGIN":                                                                 true,
		"CREATE TABLE b AS SELECT begin atomic FROM a; COMMIT; BEGIN":                                               true,
		"CREATE RULE a AS ON INSERT TO test_things DO ALSO (NOTIFY a; DELETE FROM b)":                               false,
	} {
		if got := effectsOf(text).ends; got != want {
			t.Errorf("%q: ends the transaction: %v, want %v", text, got, want)
		}
	}
}

// FuzzStatements: no text is read for ever or makes the reader panic, and what stands in comments, literals and quoted names
// is no statement.
func FuzzStatements(f *testing.F) {
	for _, text := range []string{
		"", "SELECT 1; COMMIT", "E'\\", "E'a'\n--\n'", "$a$", "$1", "/*/*", "--", "\"", "CREATE FUNCTION BEGIN ATOMIC", "(", "\xff\x00$ä$",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		for _, words := range statements(text) {
			if len(words) == 0 {
				t.Errorf("%q has a statement without words", text)
			}
		}
		effectsOf(text)
		for open, hidden := range map[string]string{
			"/*": "/* " + strings.NewReplacer("*", "", "/", "").Replace(text) + " */",
			"'":  "'" + strings.ReplaceAll(text, "'", "''") + "'",
			`"`:  `"` + strings.ReplaceAll(text, `"`, `""`) + `"`,
			"$":  "$quote$" + strings.ReplaceAll(text, "$", "") + "$quote$",
		} {
			if effectsOf("SELECT " + hidden).ends {
				t.Errorf("%q counts although it is in %s", text, open)
			}
			if !effectsOf("SELECT " + hidden + "; COMMIT").ends {
				t.Errorf("COMMIT after %q in %s is not seen", text, open)
			}
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%d bytes took %v", len(text), took)
		}
	})
}
