package models_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/db/query"
	"example.com/transcription-api/internal/models"
)

func retry(t testing.TB, conn *db.DB, item models.Item, pause time.Duration) {
	t.Helper()
	do(t, conn, func(tx *gorm.DB) error { return models.RetryItem(t.Context(), tx, item, "no sound", pause) })
}

// TestRetry: it waits with its error, and counts.
func TestRetry(t *testing.T) {
	t.Parallel()
	conn, url := open(t)
	created := create(t, conn)
	retry(t, conn, mustClaim(t, conn, time.Hour), time.Hour)
	got, err := find(t, conn, created.ID)
	if err != nil || got.Status != models.Pending || got.Attempts != 1 || *got.Error != "no sound" || got.LeaseUntil != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := claim(t, conn, time.Hour); !errors.Is(err, query.ErrNotFound) {
		t.Errorf("claimed before its time: %v", err)
	}
	dbtest.Exec(t, url, "UPDATE items SET retry_at = now()")
	if again := mustClaim(t, conn, time.Hour); again.ID != created.ID || again.Attempts != 2 || again.RetryAt != nil {
		t.Errorf("claimed %+v", again)
	}
}

// TestAttemptsBeginAnew where somebody else than a worker moves the item to pending.
func TestAttemptsBeginAnew(t *testing.T) {
	t.Parallel()
	conn, url := open(t)
	for name, move := range map[string]func(id int64){
		"a client": func(id int64) {
			mustUpdate(t, conn, id, models.ItemChanges{Status: new(models.Pending)}, nil)
		},
		"psql": func(int64) { dbtest.Exec(t, url, "UPDATE items SET status = 'pending'") },
	} {
		create(t, conn)
		retry(t, conn, mustClaim(t, conn, time.Hour), 0)
		item := mustClaim(t, conn, time.Hour)
		do(t, conn, func(tx *gorm.DB) error { return models.FailItem(t.Context(), tx, item, "no sound") })
		move(item.ID)
		if again := mustClaim(t, conn, time.Hour); again.ID != item.ID || item.Attempts != 2 || again.Attempts != 1 {
			t.Errorf("%s: attempt %d, then %d", name, item.Attempts, again.Attempts)
		}
		dbtest.Exec(t, url, "DELETE FROM items")
	}
}

// TestGivenBackIsNoAttempt, however often workers stop.
func TestGivenBackIsNoAttempt(t *testing.T) {
	t.Parallel()
	conn, _ := open(t)
	create(t, conn)
	for range 3 {
		item := mustClaim(t, conn, time.Hour)
		if item.Attempts != 1 {
			t.Errorf("attempt %d", item.Attempts)
		}
		do(t, conn, func(tx *gorm.DB) error { return models.GiveBackItem(t.Context(), tx, item) })
	}
}

// TestTakeBackForTheLastTime: an item that ends every worker that has it is failed in the end, and says why.
func TestTakeBackForTheLastTime(t *testing.T) {
	t.Parallel()
	conn, url := open(t)
	created := create(t, conn)
	for attempt := range 2 { // as many as takeBack allows
		if item := mustClaim(t, conn, time.Hour); item.ID != created.ID || int(item.Attempts) != attempt+1 {
			t.Errorf("claimed %+v", item)
		}
		expire(t, url)
		if _, err := takeBack(t, conn); err != nil {
			t.Fatal(err)
		}
	}
	got, err := find(t, conn, created.ID)
	if err != nil || got.Status != models.Failed || got.Error == nil || !strings.HasPrefix(*got.Error, "given up after 2 attempts: ") {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := claim(t, conn, time.Hour); !errors.Is(err, query.ErrNotFound) {
		t.Errorf("claimed again: %v", err)
	}
}

// TestWaitingItem: for how long the next one has waited, of those that may be begun.
func TestWaitingItem(t *testing.T) {
	t.Parallel()
	conn, url := open(t)
	waits := func() (d time.Duration) {
		t.Helper()
		do(t, conn, func(tx *gorm.DB) (err error) {
			d, err = models.WaitingItem(t.Context(), tx)
			return err
		})
		return d
	}
	if d := waits(); d != 0 {
		t.Errorf("none is there, and waits for %v", d)
	}
	create(t, conn)
	retry(t, conn, mustClaim(t, conn, time.Hour), time.Hour)
	dbtest.Exec(t, url, "UPDATE items SET created_at = now() - interval '2 hours'")
	create(t, conn, withStatus(models.Failed))
	if d := waits(); d != 0 {
		t.Errorf("none may be begun, and waits for %v", d)
	}
	create(t, conn)
	dbtest.Exec(t, url, "UPDATE items SET created_at = now() - interval '1 minute' WHERE status = 'pending' AND retry_at IS NULL")
	if d := waits(); d < time.Minute || d > time.Hour {
		t.Errorf("waits for %v, want a minute", d)
	}
	dbtest.Exec(t, url, "UPDATE items SET retry_at = now() - interval '10 hours' WHERE retry_at IS NOT NULL")
	if d := waits(); d < 10*time.Hour || d > 11*time.Hour {
		t.Errorf("waits for %v, want ten hours: since when it might be begun again", d)
	}
}
