package db_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
)

// savepointEnds are what happens in a nested transaction before its context ends.
var savepointEnds = map[string]func(tx *gorm.DB) error{
	"all is well":       func(*gorm.DB) error { return nil },
	"a statement fails": func(tx *gorm.DB) error { return tx.Exec("SELECT 1/0").Error },
}

// TestSessionNestedTransactionRunsOutOfTime: its context has ended, and that of the session has not. What it has done is undone,
// hooks included, though GORM does not look whether it was; what stands around it is saved.
func TestSessionNestedTransactionRunsOutOfTime(t *testing.T) {
	t.Parallel()
	for name, end := range savepointEnds {
		for mode, config := range map[string]gorm.Session{"": {}, ", prepared": {PrepareStmt: true}} {
			t.Run(name+mode, func(t *testing.T) {
				t.Parallel()
				conn, url, _ := sessionOpen(t, sessionPool(1, 0))
				err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
					sessionMust(t, sessionInsert(tx, "before"))
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					inner := tx.Session(&config).WithContext(ctx).Transaction(func(tx *gorm.DB) error {
						sessionMust(t, sessionInsert(tx, "undone"))
						sessionMust(t, db.AfterCommit(tx, func(context.Context) { t.Error("the hook ran") }))
						_ = end(tx)
						cancel()
						return ctx.Err()
					})
					if !errors.Is(inner, context.Canceled) {
						t.Errorf("inner: %v", inner)
					}
					return sessionInsert(tx, "after")
				})
				sessionMust(t, err)
				if got := sessionAsk[string](t, url, "SELECT string_agg(title, ' ' ORDER BY id) FROM test_things"); got != "before after" {
					t.Errorf("saved: %s", got)
				}
				sessionIdle(t, conn, url)
			})
		}
	}
}

// TestAfterCommitInASavepointByHand: the hooks follow the savepoints however these are written, and what PostgreSQL refuses
// changes nothing.
func TestAfterCommitInASavepointByHand(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t)
	for text, want := range map[string][]string{
		"rollback to a":                                    {"0"},
		"ROLLBACK WORK TO SAVEPOINT a":                     {"0"},
		"Rollback Transaction To A;":                       {"0"},
		`rollback to "a" -- the first`:                     {"0"},
		"SELECT 1; ROLLBACK /* all */ TO a":                {"0"},
		`ROLLBACK TO "B"`:                                  {"0", "a", "b"},
		"ROLLBACK TO b":                                    {"0", "a"},
		"RELEASE b; ROLLBACK TO a":                         {"0"},
		"RELEASE SAVEPOINT a":                              {"0", "a", "b", "B"},
		"SAVEPOINT a; ROLLBACK TO a":                       {"0", "a", "b", "B"},
		"SAVEPOINT a; RELEASE a; ROLLBACK TO a":            {"0"},
		"ROLLBACK TO a; ROLLBACK TO a":                     {"0"},
		"SELECT 'rollback to a'":                           {"0", "a", "b", "B"},
		"DECLARE a CURSOR FOR SELECT 1; CLOSE a; SELECT 1": {"0", "a", "b", "B"},
	} {
		var ran []string
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			hook := func(name string) {
				sessionMust(t, db.AfterCommit(tx, func(context.Context) { ran = append(ran, name) }))
			}
			hook("0")
			sessionMust(t, tx.Exec("savepoint a").Error)
			hook("a")
			sessionMust(t, tx.Exec("SAVEPOINT B").Error) // which is b
			hook("b")
			sessionMust(t, tx.Exec(`SAVEPOINT "B"`).Error)
			hook("B")
			return tx.Exec(text).Error
		})
		sessionMust(t, err)
		if diff := cmp.Diff(want, ran); diff != "" {
			t.Errorf("%s: hooks ran (-want +got):\n%s", text, diff)
		}
	}
}
