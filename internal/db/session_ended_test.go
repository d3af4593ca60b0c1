package db_test

import (
	"errors"
	"strings"
	"testing"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// sessionEndings end the transaction that they are sent in, or leave another one in its place.
var sessionEndings = []string{
	"ROLLBACK", "rollback;", "ROLLBACK WORK", "ROLLBACK AND CHAIN", "ABORT", "ABORT AND CHAIN", "COMMIT", "Commit ;", "COMMIT AND CHAIN",
	"COMMIT WORK AND CHAIN", "END", "END TRANSACTION AND CHAIN", "/* why */ COMMIT", "-- why\nCOMMIT", "-- why\rCOMMIT AND CHAIN",
	"COMMIT/* why */AND/**/CHAIN", ";; COMMIT", "PREPARE TRANSACTION 'a'", "SELECT 1; COMMIT", "SELECT 1; COMMIT; BEGIN",
	"COMMIT; START TRANSACTION ISOLATION LEVEL SERIALIZABLE",
	"INSERT INTO test_things (title, link) VALUES ('b', 'https://example.com/b.wav'); COMMIT; BEGIN", `SELECT '\'; COMMIT; BEGIN; --'`,
	"SELECT E'a' -- it's\n'\\''; COMMIT; BEGIN", "SELECT $a$ $$; $a$; COMMIT; BEGIN", "SELECT begin atomic FROM (SELECT 1 AS begin) AS a; COMMIT; BEGIN",
	"CREATE FUNCTION a() RETURNS void LANGUAGE sql BEGIN ATOMIC END; COMMIT; BEGIN",
}

// sessionLookalikes hold the same words and end nothing.
var sessionLookalikes = []string{
	"SELECT 1;", "SELECT 1; SELECT 2;", "SELECT 'COMMIT; ROLLBACK'", "SELECT 'a''; COMMIT; --'", `SELECT E'\'; COMMIT; --'`,
	"SELECT E'a'\n'\\'; COMMIT; --'", "SELECT $$; COMMIT; $$", "SELECT $a$ $$; COMMIT $a$", `SELECT 1 AS "; COMMIT"`, "SELECT 1 -- ; COMMIT",
	"SELECT 1 /* ; COMMIT /* ; COMMIT */ */", "SELECT CASE WHEN true THEN 1 END", "SELECT commit FROM (SELECT 1 AS commit) AS rollback",
	"WITH start AS (SELECT 1) TABLE start", "SAVEPOINT a; ROLLBACK TO a", "SAVEPOINT commit; RELEASE SAVEPOINT commit",
	"SAVEPOINT a; rollback work to savepoint a; release a", "DO $$ BEGIN NULL; END $$", "SET TRANSACTION READ WRITE",
	"CREATE FUNCTION a() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END",
	"CREATE FUNCTION a() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$; SELECT a()", "PREPARE a AS SELECT 1; DEALLOCATE a",
	"CREATE RULE a AS ON DELETE TO test_things DO ALSO (NOTIFY a; NOTIFY b)",
}

// sessionEnds asks PostgreSQL itself whether a text leaves another transaction than it found, or none.
func sessionEnds(t *testing.T, url, text string) bool {
	t.Helper()
	conn := dbtest.Connect(t, url)
	number := func() (n int64) {
		sessionMust(t, conn.QueryRow(t.Context(), "SELECT txid_current()").Scan(&n))
		return n
	}
	_, err := conn.Exec(t.Context(), "BEGIN")
	sessionMust(t, err)
	before := number()
	if _, err = conn.Exec(t.Context(), text); err != nil && !strings.Contains(err.Error(), "prepared transactions are disabled") {
		t.Fatalf("%q: %v", text, err)
	}
	ends := conn.PgConn().TxStatus() != 'T' || number() != before
	_, err = conn.Exec(t.Context(), "ROLLBACK")
	sessionMust(t, err)
	return ends
}

// TestSessionEndingIsRefused: what ends the transaction does not reach PostgreSQL, and nothing is saved even if nobody looks
// at the error.
func TestSessionEndingIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range sessionEndings {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			conn, url, _ := sessionOpen(t, sessionPool(1, 0))
			var pid int
			err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
				pid = sessionPID(t, tx)
				sessionMust(t, sessionInsert(tx, "before"))
				_ = tx.Exec(text)
				_ = sessionInsert(tx, "after")
				return nil
			})
			if !errors.Is(err, db.ErrSessionOwned) || db.Classify(err) != db.Other || !strings.Contains(err.Error(), text) {
				t.Errorf("%v, want ErrSessionOwned that names the statement", err)
			}
			if n := sessionRows(t, url); n != 0 {
				t.Errorf("%d rows", n)
			}
			sessionSame(t, conn, pid)
			if !sessionEnds(t, url, text) {
				t.Error("PostgreSQL says that it ends nothing: the test tests nothing")
			}
		})
	}
}

// TestSessionLookalikesAreNot: words are not statements.
func TestSessionLookalikesAreNot(t *testing.T) {
	t.Parallel()
	for _, text := range sessionLookalikes {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			conn, url, _ := sessionOpen(t, sessionPool(1, 0))
			if sessionEnds(t, url, text) {
				t.Fatal("PostgreSQL says that it ends the transaction")
			}
			sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
				sessionMust(t, sessionInsert(tx, "before"))
				sessionMust(t, tx.Exec(text).Error)
				return sessionInsert(tx, "after")
			}))
			if n := sessionRows(t, url); n != 2 {
				t.Errorf("%d rows, want 2", n)
			}
		})
	}
}

// TestSessionEndingInAnyWay: there is no way past the check.
func TestSessionEndingInAnyWay(t *testing.T) {
	t.Parallel()
	prepared := func(tx *gorm.DB) *gorm.DB { return tx.Session(&gorm.Session{PrepareStmt: true}) }
	var n int
	for name, end := range map[string]func(tx *gorm.DB){
		"Scan":          func(tx *gorm.DB) { tx.Raw("COMMIT").Scan(&n) },
		"Row":           func(tx *gorm.DB) { _ = tx.Raw("COMMIT").Row().Scan(&n) },
		"Rows":          func(tx *gorm.DB) { _, _ = tx.Raw("COMMIT").Rows() }, //nolint:rowserrcheck // there are none
		"First":         func(tx *gorm.DB) { tx.Raw("COMMIT").First(&n) },
		"prepared Exec": func(tx *gorm.DB) { prepared(tx).Exec("COMMIT") },
		"prepared Scan": func(tx *gorm.DB) { prepared(tx).Raw("COMMIT").Scan(&n) },
		"prepared Row":  func(tx *gorm.DB) { _ = prepared(tx).Raw("COMMIT").Row().Scan(&n) },
		"savepoint": func(tx *gorm.DB) {
			_ = tx.Transaction(func(tx *gorm.DB) error { _ = tx.Exec("COMMIT"); return nil })
		},
		"savepoint, undone": func(tx *gorm.DB) {
			_ = tx.Transaction(func(tx *gorm.DB) error { return tx.Exec("ROLLBACK").Error })
		},
		"prepared savepoint": func(tx *gorm.DB) {
			_ = prepared(tx).Transaction(func(tx *gorm.DB) error { _ = tx.Exec("COMMIT"); return nil })
		},
		"other context":   func(tx *gorm.DB) { tx.WithContext(t.Context()).Exec("COMMIT") },
		"new session":     func(tx *gorm.DB) { tx.Session(&gorm.Session{NewDB: true}).Exec("COMMIT") },
		"debug":           func(tx *gorm.DB) { tx.Debug().Exec("COMMIT") },
		"argument":        func(tx *gorm.DB) { tx.Exec("COMMIT; SELECT ?", 1) },
		"ConnPool":        func(tx *gorm.DB) { _, _ = tx.Statement.ConnPool.ExecContext(t.Context(), "COMMIT") },
		"first statement": func(tx *gorm.DB) { tx.Exec("COMMIT") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, url, _ := sessionOpen(t)
			err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
				if name != "first statement" {
					sessionMust(t, sessionInsert(tx, "before"))
				}
				end(tx)
				_ = sessionInsert(tx, "after")
				return nil
			})
			if !errors.Is(err, db.ErrSessionOwned) || db.Classify(err) != db.Other || !strings.Contains(err.Error(), ": ") {
				t.Errorf("%v, want ErrSessionOwned", err)
			}
			if n := sessionRows(t, url); n != 0 {
				t.Errorf("%d rows", n)
			}
			sessionIdle(t, conn, url)
		})
	}
}

// TestSessionEndingOnTheServer: PostgreSQL lets no code of its own end the session's transaction.
func TestSessionEndingOnTheServer(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"block": "DO $$ BEGIN COMMIT; END $$", "block that rolls back": "DO $$ BEGIN ROLLBACK; END $$",
		"procedure": "CALL ends()", "dynamic": "DO $$ BEGIN EXECUTE 'COMMIT'; END $$",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, url, _ := sessionOpen(t)
			dbtest.Exec(t, url, "CREATE PROCEDURE ends() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$")
			err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
				sessionMust(t, sessionInsert(tx, "before"))
				_ = tx.Exec(text)
				return nil
			})
			if err == nil || db.Classify(err) != db.Other {
				t.Errorf("%v, class %d, want an error of the program", err, db.Classify(err))
			}
			if n := sessionRows(t, url); n != 0 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// TestSessionEndedUnseen: with standard_conforming_strings off a text does not tell where its literals end. The connection
// tells that the transaction is gone.
func TestSessionEndedUnseen(t *testing.T) {
	t.Parallel()
	const text = `SELECT '\''; ROLLBACK --'`
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		sessionMust(t, tx.Exec("SET LOCAL standard_conforming_strings = off").Error)
		sessionMust(t, sessionInsert(tx, "before"))
		_ = tx.Exec(text)
		_ = sessionInsert(tx, "after")
		return nil
	})
	if !errors.Is(err, db.ErrTransactionEnded) || db.Classify(err) != db.Other || !strings.Contains(err.Error(), text) {
		t.Errorf("%v, want ErrTransactionEnded that names the statement", err)
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows", n)
	}
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return sessionInsert(tx, "the next") }))
	sessionIdle(t, conn, url)
}

// TestSessionStatementPreparedByHand: GORM keeps such a statement for all sessions, so by itself it runs in none.
func TestSessionStatementPreparedByHand(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	s, tx := sessionNew(t, conn, t.Context())
	sessionMust(t, sessionInsert(tx, "before"))
	stmt, err := tx.Statement.ConnPool.PrepareContext(t.Context(), "COMMIT")
	sessionMust(t, err)
	if _, err := stmt.ExecContext(t.Context()); err == nil {
		t.Error("it ran")
	}
	s.Rollback()
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows", n)
	}
}
