//go:build unix

package db_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

const planTable = `CREATE TABLE things (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int, kind mood DEFAULT 'good',
	note text DEFAULT 'none', spare text)`

// planChanges are what a migration may do to a table under a running service. What the service names is still there after it.
var planChanges = []string{
	"ALTER TABLE things ALTER COLUMN n TYPE bigint",
	"ALTER TABLE things ALTER COLUMN n TYPE numeric",
	"ALTER TABLE things ALTER COLUMN note TYPE varchar(100)",
	"ALTER TABLE things ALTER COLUMN note DROP DEFAULT, ALTER COLUMN note TYPE json USING to_json(note)",
	"ALTER TABLE things ALTER COLUMN note DROP DEFAULT, ALTER COLUMN note TYPE int USING 0",
	"ALTER TABLE things ALTER COLUMN id TYPE bigint",
	"ALTER TABLE things ADD COLUMN more jsonb",
	"ALTER TABLE things DROP COLUMN spare",
	"ALTER TABLE things RENAME COLUMN spare TO extra",
	"ALTER TABLE things ALTER COLUMN kind DROP DEFAULT, ALTER COLUMN kind TYPE text",
	`ALTER TYPE mood RENAME TO old_mood; CREATE TYPE mood AS ENUM ('good', 'bad', 'fair');
		ALTER TABLE things ALTER COLUMN kind DROP DEFAULT, ALTER COLUMN kind TYPE mood USING kind::text::mood; DROP TYPE old_mood`,
	"DROP TABLE things; " + planTable,
	"DROP TABLE things; DROP TYPE mood; CREATE TYPE mood AS ENUM ('bad', 'good'); " + planTable,
	"ALTER TABLE things RENAME TO old_things; " + planTable,
	"CREATE SCHEMA app; ALTER TABLE things SET SCHEMA app; " + planTable,
}

// planStatements are prepared before the change, and repeated after it.
var planStatements = map[string]func(tx *gorm.DB) error{
	"all columns": func(tx *gorm.DB) error {
		var rows []map[string]any
		return tx.Raw("SELECT * FROM things WHERE id > ?", 0).Scan(&rows).Error
	},
	"named columns": func(tx *gorm.DB) error {
		var rows []map[string]any
		return tx.Raw("SELECT id, n, kind, note FROM things WHERE n >= ? AND kind = ?", 0, "good").Scan(&rows).Error
	},
	"Rows": func(tx *gorm.DB) error {
		rows, err := tx.Raw("SELECT id, n, kind, note FROM things WHERE id > ?", 0).Rows()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			err = errors.Join(err, tx.ScanRows(rows, &map[string]any{}))
		}
		return errors.Join(err, rows.Err())
	},
	"insert": func(tx *gorm.DB) error {
		return tx.Exec("INSERT INTO things (n, kind, note) VALUES (?, ?, ?)", 1, "bad", "5").Error
	},
	"insert, returning": func(tx *gorm.DB) error {
		var row map[string]any
		return tx.Raw("INSERT INTO things (n, kind, note) VALUES (?, ?, ?) RETURNING *", 1, "bad", "5").Scan(&row).Error
	},
	"update": func(tx *gorm.DB) error {
		return tx.Exec("UPDATE things SET n = ?, note = ? WHERE kind = ?", 2, "6", "good").Error
	},
	"update, returning": func(tx *gorm.DB) error {
		var rows []map[string]any
		return tx.Raw("UPDATE things SET n = ? WHERE kind = ? RETURNING id, n, note", 2, "good").Scan(&rows).Error
	},
	"prepared": func(tx *gorm.DB) error {
		var rows []map[string]any
		return tx.Session(&gorm.Session{PrepareStmt: true}).Raw("SELECT n, note FROM things WHERE id > ?", 1).Scan(&rows).Error
	},
	"two statements": func(tx *gorm.DB) error {
		var rows []map[string]any
		err := tx.Raw("SELECT id, n, kind, note FROM things WHERE id > ? FOR UPDATE", 2).Scan(&rows).Error
		return errors.Join(err, tx.Raw("SELECT n, note, kind FROM things WHERE id > ?", 2).Scan(&rows).Error)
	},
}

// planPools are the two ways to PostgreSQL: pgx keeps prepared statements on the one, and descriptions of them on the other.
var planPools = map[string]func(t *testing.T) (conn *db.DB, url string){
	"direct": func(t *testing.T) (*db.DB, string) {
		conn, url, _ := sessionOpen(t, sessionPool(1, 0))
		return conn, url
	},
	"behind PgBouncer": func(t *testing.T) (*db.DB, string) {
		conn, _, url := sessionBounced(t)
		return conn, url
	},
}

// TestSessionFirstStatementOnAChangedTable runs on a new plan, unnoticed.
func TestSessionFirstStatementOnAChangedTable(t *testing.T) {
	t.Parallel()
	for name, open := range planPools {
		for n, change := range planChanges {
			t.Run(fmt.Sprint(name, " ", n), func(t *testing.T) {
				t.Parallel()
				conn, url := open(t)
				dbtest.Exec(t, url, "CREATE TYPE mood AS ENUM ('good', 'bad'); "+planTable)
				for range 2 {
					for statement, run := range planStatements {
						if err := conn.WithSession(t.Context(), run); err != nil {
							t.Fatalf("%s: %v", statement, err)
						}
					}
				}
				dbtest.Exec(t, url, change)
				for statement, run := range planStatements {
					err := conn.WithSession(t.Context(), run)
					if db.Classify(err) == db.Unavailable && statement == "two statements" && name != "direct" {
						continue // only the first of them is repeated
					}
					if err != nil {
						t.Errorf("%s, after %s: %v", statement, change, err)
					}
				}
			})
		}
	}
}

// TestSessionLaterStatementOnAChangedTable cannot be repeated: what was done before it would be done twice. The next session can.
func TestSessionLaterStatementOnAChangedTable(t *testing.T) {
	t.Parallel()
	for name, open := range planPools {
		for change, statement := range map[string]string{
			"ALTER TABLE things ADD COLUMN more jsonb":                                              "all columns",
			"ALTER TABLE things ALTER COLUMN note DROP DEFAULT, ALTER COLUMN note TYPE int USING 0": "update",
			planChanges[10]: "insert, returning",
		} {
			t.Run(name+" "+statement, func(t *testing.T) {
				t.Parallel()
				conn, url := open(t)
				dbtest.Exec(t, url, "CREATE TYPE mood AS ENUM ('good', 'bad'); "+planTable)
				later := func(tx *gorm.DB) error { return errors.Join(sessionInsert(tx, "once"), planStatements[statement](tx)) }
				sessionMust(t, conn.WithSession(t.Context(), later))
				dbtest.Exec(t, url, change)
				err := conn.WithSession(t.Context(), later)
				if name == "direct" && db.Classify(err) != db.Unavailable || err != nil && db.Classify(err) != db.Unavailable {
					t.Errorf("%v, class %d, want Unavailable", err, db.Classify(err))
				}
				sessionMust(t, conn.WithSession(t.Context(), later))
			})
		}
	}
}

// TestSessionStatementThatNoLongerFits is a fault of the program, which no repetition mends.
func TestSessionStatementThatNoLongerFits(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	dbtest.Exec(t, url, "CREATE TYPE mood AS ENUM ('good', 'bad'); "+planTable)
	sessionMust(t, conn.WithSession(t.Context(), planStatements["named columns"]))
	dbtest.Exec(t, url, "ALTER TABLE things DROP COLUMN note")
	for range 2 {
		if err := conn.WithSession(t.Context(), planStatements["named columns"]); err == nil || db.Classify(err) != db.Other {
			t.Errorf("%v, class %d, want a fault of the program", err, db.Classify(err))
		}
	}
}

// TestSessionPlansDropped: a session that drops pgx's prepared statements harms none that comes after it.
func TestSessionPlansDropped(t *testing.T) {
	t.Parallel()
	for _, reset := range []db.Reset{db.ResetFull, db.ResetRollback} {
		conn, url, _ := sessionOpen(t, sessionPool(1, 0), func(o *db.Options) { o.Reset = reset })
		dbtest.Exec(t, url, "CREATE TYPE mood AS ENUM ('good', 'bad'); "+planTable)
		for _, drop := range []string{"DEALLOCATE ALL", "DISCARD PLANS", "DEALLOCATE PREPARE ALL"} {
			for range 2 {
				for statement, run := range planStatements {
					sessionMust(t, conn.WithSession(t.Context(), run))
					sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return tx.Exec(drop).Error }))
					if err := conn.WithSession(t.Context(), run); err != nil {
						t.Errorf("reset %s: %s after %s: %v", reset, statement, drop, err)
					}
				}
			}
		}
	}
}

// TestSessionTablesChangeUnderTraffic: no session whose first statement meets a change notices it.
func TestSessionTablesChangeUnderTraffic(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(4, 0))
	dbtest.Exec(t, url, "CREATE TYPE mood AS ENUM ('good', 'bad'); "+planTable)
	changed := make(chan struct{})
	var traffic sync.WaitGroup
	for statement, run := range planStatements {
		traffic.Go(func() {
			for done := false; !done; {
				select {
				case <-changed:
					done = true
				default:
				}
				if err := conn.WithSession(t.Context(), run); err != nil && statement != "two statements" {
					t.Errorf("%s: %v", statement, err)
				} else if err != nil && db.Classify(err) != db.Unavailable {
					t.Errorf("%s: %v, class %d", statement, err, db.Classify(err))
				}
			}
		})
	}
	for range 10 {
		for _, kind := range []string{"bigint", "numeric", "int"} {
			dbtest.Exec(t, url, "ALTER TABLE things ALTER COLUMN n TYPE "+kind)
			dbtest.Exec(t, url, "ALTER TABLE things ADD COLUMN more jsonb")
			dbtest.Exec(t, url, "ALTER TABLE things DROP COLUMN more")
		}
	}
	close(changed)
	traffic.Wait()
}
