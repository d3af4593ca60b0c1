//go:build unix

package db_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
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
