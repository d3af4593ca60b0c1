package models_test

import (
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/db/query"
	"example.com/transcription-api/internal/models"
)

// open returns a pool on a migrated database of the test's own, and that database's URL.
func open(t testing.TB) (*db.DB, string) {
	t.Helper()
	url := dbtest.New(t)
	conn := dbtest.Open(t, db.Options{
		URL: url, PoolSize: 2, MaxOverflow: 18, PoolTimeout: dbtest.Patience, Recycle: time.Hour, PrePing: true,
		OverflowIdle: 30 * time.Second, ConnectTimeout: 10 * time.Second,
	})
	return conn, url
}

// do runs fn in a session of its own, which must commit.
func do(t testing.TB, conn *db.DB, fn func(tx *gorm.DB) error) {
	t.Helper()
	if err := conn.WithSession(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// create inserts an item; change may set columns.
func create(t testing.TB, conn *db.DB, change ...func(*models.Item)) models.Item {
	t.Helper()
	item := models.Item{Title: "Interview", AudioURL: "https://example.com/a.wav"}
	for _, set := range change {
		set(&item)
	}
	do(t, conn, func(tx *gorm.DB) error { return models.CreateItem(t.Context(), tx, &item) })
	return item
}

func withStatus(status models.ItemStatus) func(*models.Item) {
	return func(item *models.Item) { item.Status = status }
}

// update makes the changes in a session of its own and returns what UpdateItem did.
func update(t testing.TB, conn *db.DB, id int64, changes models.ItemChanges, versions []int64) (item models.Item, err error) {
	t.Helper()
	err = conn.WithSession(t.Context(), func(tx *gorm.DB) (err error) {
		item, err = models.UpdateItem(t.Context(), tx, id, changes, query.Versions{Only: versions})
		return err
	})
	return item, err
}

func remove(t testing.TB, conn *db.DB, id int64, versions []int64) error {
	t.Helper()
	return conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		return models.DeleteItem(t.Context(), tx, id, query.Versions{Only: versions})
	})
}

func find(t testing.TB, conn *db.DB, id int64) (item models.Item, err error) {
	t.Helper()
	err = conn.WithSession(t.Context(), func(tx *gorm.DB) (err error) {
		item, err = models.FindItem(t.Context(), tx, id)
		return err
	})
	return item, err
}

func list(t testing.TB, conn *db.DB, filter models.ItemFilter) (items []models.Item, more bool) {
	t.Helper()
	do(t, conn, func(tx *gorm.DB) (err error) {
		var next *models.ItemKey
		items, next, err = models.ListItems(t.Context(), tx, filter)
		if more = next != nil; more && *next != *keyOf(items[len(items)-1]) {
			t.Errorf("the next page goes on at %v, the last of this one is %+v", *next, items[len(items)-1])
		}
		return err
	})
	return items, more
}

func keyOf(item models.Item) *models.ItemKey {
	return &models.ItemKey{Value: item.CreatedAt, ID: item.ID}
}

func ids(items []models.Item) []int64 {
	list := make([]int64, len(items))
	for i, item := range items {
		list[i] = item.ID
	}
	return list
}

// refusedMove is the error of a status that may not be changed so.
func refusedMove(from, to models.ItemStatus) *query.Conflict {
	return &query.Conflict{Reason: fmt.Sprintf("status may not change from %s to %s", from, to)}
}

var statuses = models.ItemStatus("").Values()
