package db_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
)

const resetMess = "SET search_path = pg_catalog; SELECT pg_advisory_lock(7); CREATE TEMP TABLE short (n int); LISTEN news"

// resetEnds are the ways in which a session that has set something may end.
var resetEnds = map[string]func(*testing.T, *db.DB, string){
	"a statement fails": func(t *testing.T, conn *db.DB, _ string) {
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			sessionMust(t, tx.Exec(resetMess).Error)
			return tx.Exec("SELECT 1/0").Error
		})
		if err == nil {
			t.Error("1/0 succeeded")
		}
	},
	"the error is swallowed": func(t *testing.T, conn *db.DB, _ string) {
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			tx.Exec(resetMess).Exec("SELECT 1/0")
			return nil
		})
		if err == nil {
			t.Error("COMMIT succeeded")
		}
	},
	"it panics": func(t *testing.T, conn *db.DB, _ string) {
		defer func() { _ = recover() }()
		_ = conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			sessionMust(t, tx.Exec(resetMess).Error)
			panic("a fault")
		})
	},
	"the client goes between statements": func(t *testing.T, conn *db.DB, _ string) {
		ctx, leave := context.WithCancel(t.Context())
		err := conn.WithSession(ctx, func(tx *gorm.DB) error {
			defer leave()
			return tx.Exec(resetMess).Error
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	},
	"the client goes in a statement": func(t *testing.T, conn *db.DB, url string) {
		defer sessionHoldLock(t, url)()
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			defer leave()
			for end := time.Now().Add(sessionPatience); conn.Status().CheckedOut == 0 && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			sessionLocked(t, url)
		}()
		err := conn.WithSession(ctx, func(tx *gorm.DB) error {
			sessionMust(t, tx.Exec("SET search_path = pg_catalog; SELECT pg_advisory_lock(7)").Error)
			return tx.Exec("SELECT pg_advisory_xact_lock(4)").Error
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	},
	"COMMIT fails": func(t *testing.T, conn *db.DB, url string) {
		sessionTrigger(t, url, "RAISE unique_violation;")
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			return errors.Join(sessionInsert(tx, "a"), tx.Exec(resetMess).Error)
		})
		if db.Classify(err) != db.Conflict {
			t.Error(err)
		}
	},
	"COMMIT is cut off": func(t *testing.T, conn *db.DB, url string) {
		sessionTrigger(t, url, "PERFORM pg_catalog.pg_advisory_xact_lock(4);")
		defer sessionHoldLock(t, url)()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := conn.WithSession(ctx, func(tx *gorm.DB) error {
			return errors.Join(sessionInsert(tx, "a"), tx.Exec("SELECT pg_advisory_lock(7); SET search_path = pg_catalog").Error)
		})
		if !errors.Is(err, db.ErrCommitUnknown) {
			t.Error(err)
		}
	},
	"it was used wrongly": func(t *testing.T, conn *db.DB, _ string) {
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			return tx.Exec(resetMess).Exec("COMMIT").Error
		})
		if !errors.Is(err, db.ErrSessionOwned) {
			t.Error(err)
		}
	},
	"its savepoint is rolled back": func(t *testing.T, conn *db.DB, _ string) {
		sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			_ = tx.Transaction(func(tx *gorm.DB) error { return errors.Join(tx.Exec(resetMess).Error, errSessionUndo) })
			return nil
		}))
	},
}

// TestSessionLeavesNothingBehindHoweverItEnds: nor does the way matter in which it ends.
func TestSessionLeavesNothingBehindHoweverItEnds(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(resetEnds)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, url, _ := sessionOpen(t, sessionPool(1, 0))
			clean := resetState(t, conn)
			resetEnds[name](t, conn, url)
			if diff := cmp.Diff(clean, resetState(t, conn)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			sessionIdle(t, conn, url)
		})
	}
}
