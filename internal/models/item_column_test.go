package models_test

import (
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/models"
)

// TestNewColumn adds a column while the service runs, as a rolling update does:
// statements whose plans are cached on a connection must go on working there.
func TestNewColumn(t *testing.T) {
	t.Parallel()
	conn, url := open(t)
	item := create(t, conn)
	title := "New"
	use := func() {
		t.Helper()
		list(t, conn, models.ItemFilter{Limit: 20})
		create(t, conn)
		if _, err := find(t, conn, item.ID); err != nil {
			t.Error(err)
		}
		if _, err := update(t, conn, item.ID, models.ItemChanges{Title: &title}, nil); err != nil {
			t.Error(err)
		}
	}
	for range 7 { // PostgreSQL may change to a generic plan at the sixth
		use()
	}
	dbtest.Exec(t, url, "ALTER TABLE items ADD COLUMN extra text")
	use()
}
