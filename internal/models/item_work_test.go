package models_test

import (
	"context"
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
		item, err = models.TakeBackItem(t.Context(), tx)
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
