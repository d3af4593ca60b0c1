package models_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/db/query"
	"example.com/transcription-api/internal/models"
)

// TestLeaseLost: whoever comes too late changes nothing.
func TestLeaseLost(t *testing.T) {
	t.Parallel()
	conn, url := open(t)
	ctx := t.Context()
	move := func(to models.ItemStatus) func(models.Item) error {
		return func(item models.Item) error {
			_, err := update(t, conn, item.ID, models.ItemChanges{Status: &to}, nil)
			return err
		}
	}
	for name, loses := range map[string]func(item models.Item) error{
		"moved":   move(models.Failed),
		"deleted": func(item models.Item) error { return remove(t, conn, item.ID, nil) },
		"taken back": func(models.Item) error {
			expire(t, url)
			_, err := takeBack(t, conn)
			return err
		},
		"claimed by another": func(models.Item) error {
			expire(t, url)
			if _, err := takeBack(t, conn); err != nil {
				return err
			}
			_, err := claim(t, conn, time.Hour)
			return err
		},
		"claimed by a client": func(item models.Item) error {
			return errors.Join(move(models.Failed)(item), move(models.Pending)(item), move(models.Processing)(item))
		},
	} {
		create(t, conn)
		item := mustClaim(t, conn, time.Minute)
		if err := loses(item); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		before, _ := find(t, conn, item.ID)
		for end, fn := range map[string]func(context.Context, *gorm.DB, models.Item) error{
			"finish": func(ctx context.Context, tx *gorm.DB, item models.Item) error {
				return models.FinishItem(ctx, tx, item, "late", nil)
			},
			"fail": func(ctx context.Context, tx *gorm.DB, item models.Item) error {
				return models.FailItem(ctx, tx, item, "late")
			},
			"retry": func(ctx context.Context, tx *gorm.DB, item models.Item) error {
				return models.RetryItem(ctx, tx, item, "late", time.Second)
			},
			"give back": models.GiveBackItem,
		} {
			if err := conn.WithSession(ctx, func(tx *gorm.DB) error { return fn(ctx, tx, item) }); !errors.Is(err, models.ErrLeaseLost) {
				t.Errorf("%s, %s: %v", name, end, err)
			}
		}
		if after, _ := find(t, conn, item.ID); after.Version != before.Version {
			t.Errorf("%s: changed nevertheless: %+v", name, after)
		}
		dbtest.Exec(t, url, "DELETE FROM items")
	}
}

// TestTakeBack: only items whose worker's time is over; a client's claim has none.
func TestTakeBack(t *testing.T) {
	t.Parallel()
	conn, url := open(t)
	create(t, conn)
	dead := mustClaim(t, conn, time.Hour)
	expire(t, url)
	create(t, conn)
	mustClaim(t, conn, time.Hour)
	create(t, conn, withStatus(models.Processing))
	got, err := takeBack(t, conn)
	if err != nil || got.ID != dead.ID || got.Status != models.Pending || got.LeaseUntil != nil {
		t.Errorf("taken back %+v, %v", got, err)
	}
	if _, err := takeBack(t, conn); !errors.Is(err, query.ErrNotFound) {
		t.Errorf("nothing is left: %v", err)
	}
	if again := mustClaim(t, conn, time.Hour); again.ID != dead.ID {
		t.Errorf("claimed %+v", again)
	}
}

// TestWorkAndClients: a title that changes meanwhile stays, and costs the worker nothing.
func TestWorkAndClients(t *testing.T) {
	t.Parallel()
	conn, _ := open(t)
	create(t, conn)
	item, title := mustClaim(t, conn, time.Hour), "Corrected"
	mustUpdate(t, conn, item.ID, models.ItemChanges{Title: &title}, nil)
	do(t, conn, func(tx *gorm.DB) error { return models.FinishItem(t.Context(), tx, item, "Hello", nil) })
	if got, err := find(t, conn, item.ID); err != nil || got.Title != title || got.Status != models.Processed {
		t.Errorf("%+v, %v", got, err)
	}
}
