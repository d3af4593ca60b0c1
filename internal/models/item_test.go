package models_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/query"
	"example.com/transcription-api/internal/models"
)

// TestErrors has a row for each error that the package's functions document.
func TestErrors(t *testing.T) {
	t.Parallel()
	conn, _ := open(t)
	item := create(t, conn)
	gone := create(t, conn)
	if err := remove(t, conn, gone.ID, nil); err != nil {
		t.Fatal(err)
	}
	title, move := "new", models.Processed
	changes := models.ItemChanges{Title: &title}
	none, other, current := []int64{}, []int64{item.Version + 1, 0, -1}, []int64{9, item.Version}
	second := func(_ models.Item, err error) error { return err }
	for _, test := range []struct {
		name string
		err  error
		want error
	}{
		{"find, deleted", second(find(t, conn, gone.ID)), query.ErrNotFound},
		{"find, no such id", second(find(t, conn, 1<<62)), query.ErrNotFound},
		{"update, deleted", second(update(t, conn, gone.ID, changes, nil)), query.ErrNotFound},
		{"update, deleted, with a version", second(update(t, conn, gone.ID, changes, current)), query.ErrNotFound},
		{"update nothing, deleted", second(update(t, conn, gone.ID, models.ItemChanges{}, nil)), query.ErrNotFound},
		{"update, other versions", second(update(t, conn, item.ID, changes, other)), query.ErrModified},
		{"update, no version", second(update(t, conn, item.ID, changes, none)), query.ErrModified},
		{"update nothing, other versions", second(update(t, conn, item.ID, models.ItemChanges{}, other)), query.ErrModified},
		{"update, other version and no move", second(update(t, conn, item.ID, models.ItemChanges{Status: &move}, other)), query.ErrModified},
		{"update, no move", second(update(t, conn, item.ID, models.ItemChanges{Status: &move}, current)), refusedMove(models.Pending, models.Processed)},
		{"update, no move of a deleted one", second(update(t, conn, gone.ID, models.ItemChanges{Status: &move}, nil)), query.ErrNotFound},
		{"delete, deleted", remove(t, conn, gone.ID, nil), query.ErrNotFound},
		{"delete, other versions", remove(t, conn, item.ID, other), query.ErrModified},
		{"delete, no version", remove(t, conn, item.ID, none), query.ErrModified},
	} {
		if wanted, ok := test.want.(*query.Conflict); ok {
			got, _ := errors.AsType[*query.Conflict](test.err)
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Errorf("%s: %v: %s", test.name, test.err, diff)
			}
		} else if !errors.Is(test.err, test.want) {
			t.Errorf("%s: error %v, want %v", test.name, test.err, test.want)
		}
	}
	if got, err := find(t, conn, item.ID); err != nil || !cmp.Equal(got, item) {
		t.Errorf("a refused statement has changed the item: %v %s", err, cmp.Diff(item, got))
	}
}

func TestStatusMoves(t *testing.T) {
	t.Parallel()
	conn, _ := open(t)
	allowed := map[string]bool{
		"pending → processing": true, "processing → processed": true, "processing → failed": true, "failed → pending": true,
	}
	if len(statuses) != 4 {
		t.Fatalf("%d statuses: complete this table", len(statuses))
	}
	for _, from := range statuses {
		for _, to := range statuses {
			item := create(t, conn, withStatus(from))
			moved, err := update(t, conn, item.ID, models.ItemChanges{Status: &to}, nil)
			move := fmt.Sprintf("%s → %s", from, to)
			refused, isStatusError := errors.AsType[*query.Conflict](err)
			switch {
			case allowed[move] && (err != nil || moved.Status != to):
				t.Errorf("%s: status %q, error %v", move, moved.Status, err)
			case !allowed[move] && (!isStatusError || *refused != *refusedMove(from, to)):
				t.Errorf("%s: error %v, want a *query.Conflict", move, err)
			}
			delete(allowed, move)
		}
	}
	if len(allowed) > 0 {
		t.Errorf("never tried: %v", allowed)
	}
}

// TestOneMoverWins lets every mover's statement be under way before one commits.
func TestOneMoverWins(t *testing.T) {
	t.Parallel()
	const movers = 20
	conn, _ := open(t)
	item := create(t, conn)
	results := race(t, conn, movers, func(tx *gorm.DB) error {
		to := models.Processing
		_, err := models.UpdateItem(t.Context(), tx, item.ID, models.ItemChanges{Status: &to}, query.Versions{})
		return err
	})
	won, lost := 0, 0
	for _, err := range results {
		if err == nil {
			won++
		} else if refused, ok := errors.AsType[*query.Conflict](err); ok && *refused == *refusedMove(models.Processing, models.Processing) {
			lost++
		} else {
			t.Errorf("unexpected: %v", err)
		}
	}
	if won != 1 || lost != movers-1 {
		t.Errorf("%d won and %d lost, want 1 and %d", won, lost, movers-1)
	}
	if got, err := find(t, conn, item.ID); err != nil || got.Version != item.Version+1 {
		t.Errorf("version %d after one update of version %d (%v)", got.Version, item.Version, err)
	}
}

// TestOneVersionWins is the same for If-Match, where one deletes and the others change.
func TestOneVersionWins(t *testing.T) {
	t.Parallel()
	conn, _ := open(t)
	item := create(t, conn)
	var mu sync.Mutex
	turn := 0
	results := race(t, conn, 20, func(tx *gorm.DB) error {
		mu.Lock()
		turn++
		deletes := turn%2 == 0
		mu.Unlock()
		if deletes {
			return models.DeleteItem(t.Context(), tx, item.ID, query.Versions{Only: []int64{item.Version}})
		}
		title := "mine"
		_, err := models.UpdateItem(t.Context(), tx, item.ID, models.ItemChanges{Title: &title}, query.Versions{Only: []int64{item.Version}})
		return err
	})
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, query.ErrModified) && !errors.Is(err, query.ErrNotFound) {
			t.Errorf("unexpected: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d callers changed version %d, want 1", won, item.Version)
	}
}

// race runs fn in n sessions at once, all of which have begun before the first goes on.
func race(t *testing.T, conn *db.DB, n int, fn func(tx *gorm.DB) error) []error {
	results := make([]error, n)
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			results[i] = conn.WithSession(t.Context(), func(tx *gorm.DB) error {
				err := tx.Exec("SELECT 1").Error
				ready.Done()
				ready.Wait()
				return errors.Join(err, fn(tx))
			})
		})
	}
	done.Wait()
	return results
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	conn, _ := open(t)
	item := create(t, conn)
	title, language, move := "New", "de", models.Processing
	text, seconds, fault := "Hello", 1.5, "broken"
	full := models.ItemChanges{
		Title: &title, Language: &language, Status: &move,
		Transcript: ref(&text), DurationSeconds: ref(&seconds), Error: ref(&fault),
	}
	want := item
	want.Title, want.Language, want.Status, want.Transcript, want.DurationSeconds, want.Error = title, language, move, &text, &seconds, &fault
	want.Version++
	got := mustUpdate(t, conn, item.ID, full, []int64{item.Version})
	if !got.UpdatedAt.After(item.UpdatedAt) {
		t.Errorf("updated_at went from %v to %v", item.UpdatedAt, got.UpdatedAt)
	}
	want.UpdatedAt = got.UpdatedAt
	check(t, conn, "all columns", want, got)

	got = mustUpdate(t, conn, item.ID, models.ItemChanges{}, []int64{7, want.Version})
	check(t, conn, "nothing", want, got)

	var zero float64
	got = mustUpdate(t, conn, item.ID, models.ItemChanges{DurationSeconds: ref(&zero), Transcript: ref(new(string))}, nil)
	want.DurationSeconds, want.Transcript, want.Version, want.UpdatedAt = &zero, new(string), want.Version+1, got.UpdatedAt
	check(t, conn, "zero values", want, got)

	clear := models.ItemChanges{Transcript: ref[*string](nil), DurationSeconds: ref[*float64](nil), Error: ref[*string](nil)}
	got = mustUpdate(t, conn, item.ID, clear, nil)
	want.Transcript, want.DurationSeconds, want.Error, want.Version, want.UpdatedAt = nil, nil, nil, want.Version+1, got.UpdatedAt
	check(t, conn, "cleared columns", want, got)
}

func ref[T any](value T) *T { return &value }

func mustUpdate(t *testing.T, conn *db.DB, id int64, changes models.ItemChanges, versions []int64) models.Item {
	t.Helper()
	item, err := update(t, conn, id, changes, versions)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

// check compares what UpdateItem returned, and what is stored, with what is wanted.
func check(t *testing.T, conn *db.DB, what string, want, got models.Item) {
	t.Helper()
	stored, err := find(t, conn, want.ID)
	if err != nil {
		t.Fatal(err)
	}
	equalTimes := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
	if diff := cmp.Diff(want, got, equalTimes); diff != "" {
		t.Errorf("%s, returned: %s", what, diff)
	}
	if diff := cmp.Diff(got, stored, equalTimes); diff != "" {
		t.Errorf("%s, stored: %s", what, diff)
	}
}
