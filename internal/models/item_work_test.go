package models_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/db/query"
	"example.com/transcription-api/internal/models"
)

// claim claims an item in a session of its own.
func claim(t testing.TB, conn *db.DB, lease time.Duration) (item models.Item, err error) {
	t.Helper()
	err = conn.WithSession(t.Context(), func(tx *gorm.DB) (err error) {
		item, err = models.ClaimItem(t.Context(), tx, lease)
		return err
	})
	return item, err
}

func mustClaim(t testing.TB, conn *db.DB, lease time.Duration) models.Item {
	t.Helper()
	item, err := claim(t, conn, lease)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

func takeBack(t testing.TB, conn *db.DB) (item models.Item, err error) {
	t.Helper()
	err = conn.WithSession(t.Context(), func(tx *gorm.DB) (err error) {
		item, err = models.TakeBackItem(t.Context(), tx, 2)
		return err
	})
	return item, err
}

// expire ends the leases, as time does.
func expire(t testing.TB, url string) {
	t.Helper()
	dbtest.Exec(t, url, "UPDATE items SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL")
}

// TestClaim: the oldest pending one first, each once, and then none.
func TestClaim(t *testing.T) {
	t.Parallel()
	conn, _ := open(t)
	first, second := create(t, conn), create(t, conn)
	for _, status := range statuses[1:] {
		create(t, conn, withStatus(status))
	}
	for _, want := range []models.Item{first, second} {
		before := time.Now()
		got := mustClaim(t, conn, time.Hour)
		if got.ID != want.ID || got.Status != models.Processing || got.Title != want.Title || got.Version != want.Version+1 {
			t.Errorf("claimed %+v, want %+v", got, want)
		}
		if left := got.LeaseUntil.Sub(before); left < 59*time.Minute || left > 61*time.Minute {
			t.Errorf("a lease for %v", left)
		}
	}
	if _, err := claim(t, conn, time.Hour); !errors.Is(err, query.ErrNotFound) {
		t.Errorf("nothing is left: %v", err)
	}
}

// TestClaimsAtOnce: all claims are under way before one commits, and none waits for another.
func TestClaimsAtOnce(t *testing.T) {
	t.Parallel()
	const workers = 10
	conn, _ := open(t)
	for range workers - 1 {
		create(t, conn)
	}
	var mu sync.Mutex
	claims, none := map[int64]int{}, 0
	var all, claimed sync.WaitGroup
	claimed.Add(workers)
	for range workers {
		all.Go(func() {
			err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
				item, err := models.ClaimItem(t.Context(), tx, time.Hour)
				mu.Lock()
				if errors.Is(err, query.ErrNotFound) {
					none++
				} else {
					claims[item.ID]++
				}
				mu.Unlock()
				claimed.Done()
				claimed.Wait() // no transaction ends before all have claimed
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(claims) != workers-1 || none != 1 {
		t.Errorf("%d items for %d workers: claims %v, %d without one", workers-1, workers, claims, none)
	}
}

// TestWorkEnds: what a worker may make of the item that it has.
func TestWorkEnds(t *testing.T) {
	t.Parallel()
	conn, _ := open(t)
	ctx, seconds := t.Context(), 1.5
	for name, test := range map[string]struct {
		end    func(tx *gorm.DB, item models.Item) error
		status models.ItemStatus
		sound  func(item models.Item) bool
	}{
		"finish": {
			func(tx *gorm.DB, item models.Item) error { return models.FinishItem(ctx, tx, item, "Hello", &seconds) },
			models.Processed,
			func(i models.Item) bool {
				return i.Transcript != nil && *i.Transcript == "Hello" && *i.DurationSeconds == 1.5 && i.Error == nil
			},
		},
		"fail": {
			func(tx *gorm.DB, item models.Item) error { return models.FailItem(ctx, tx, item, "no sound") },
			models.Failed,
			func(i models.Item) bool { return i.Error != nil && *i.Error == "no sound" && i.Transcript == nil },
		},
		"fail with what is no text": {
			func(tx *gorm.DB, item models.Item) error {
				return models.FailItem(ctx, tx, item, "\x00\xff"+strings.Repeat("ä", 3000))
			},
			models.Failed,
			func(i models.Item) bool { return utf8.RuneCountInString(*i.Error) == 2000 },
		},
		"give back": {
			func(tx *gorm.DB, item models.Item) error { return models.GiveBackItem(ctx, tx, item) },
			models.Pending,
			func(i models.Item) bool { return *i.Error == "of an earlier attempt" },
		},
	} {
		earlier := "of an earlier attempt"
		create(t, conn, func(i *models.Item) { i.Error = &earlier })
		item := mustClaim(t, conn, time.Hour)
		do(t, conn, func(tx *gorm.DB) error { return test.end(tx, item) })
		got, err := find(t, conn, item.ID)
		if err != nil || got.Status != test.status || got.LeaseUntil != nil || !test.sound(got) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if err := remove(t, conn, item.ID, nil); err != nil {
			t.Fatal(err)
		}
	}
}
