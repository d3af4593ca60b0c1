package dbtest

import (
	"context"
	"testing"

	"example.com/transcription-api/internal/db"
)

// Open opens a pool that is closed after the test, which then fails if a connection is still out.
func Open(t testing.TB, opts db.Options) *db.DB {
	t.Helper()
	conn, err := db.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, conn.Close)
	return conn
}

// atEnd has what a test has started stopped. The test's own context is over by then.
func atEnd(t testing.TB, stop func(context.Context) error) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		if err := stop(ctx); err != nil {
			t.Error(err)
		}
	})
}
