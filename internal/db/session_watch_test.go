package db_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
)

// watched keeps the events of a session.
type watched struct {
	mu   sync.Mutex
	list []db.Event
}

func (w *watched) note(_ context.Context, e db.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, e)
}

func (w *watched) events() []db.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]db.Event(nil), w.list...)
}

func (w *watched) statements() (list []string) {
	for _, e := range w.events() {
		list = append(list, e.Statement)
	}
	return list
}

// TestWatch: everything that a session sends is told once, in order, with the place that asked for it and no value.
func TestWatch(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t)
	w := new(watched)
	start := time.Now()
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		sessionMust(t, tx.Exec("SELECT ?::text", "a secret").Error)
		for range 2 {
			sessionMust(t, sessionInsert(tx, "a secret"))
		}
		return nil
	}, db.Watch(w.note), db.LockTimeout(time.Second)))
	got := w.statements()
	const local, insert = "SELECT set_config($1, $2, true)", "INSERT INTO test_things"
	for i, text := range got {
		if strings.HasPrefix(text, insert) {
			got[i] = insert
		}
	}
	if diff := cmp.Diff([]string{"", "BEGIN", local, "SELECT $1::text", insert, insert, "COMMIT"}, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for i, e := range w.events() {
		if e.Start.Before(start) || e.Took <= 0 || e.Took > time.Since(start) || e.Err != nil || strings.Contains(e.Statement, "secret") {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	from := w.events()[3].Callers
	if len(from) == 0 || !strings.HasSuffix(from[0].File, "session_watch_test.go") || !strings.Contains(from[0].Function, ".TestWatch.") {
		t.Errorf("the statement comes from %+v", from)
	}
	from = w.events()[4].Callers
	if len(from) < 2 || !strings.HasSuffix(from[0].Function, ".sessionInsert") || !strings.Contains(from[1].Function, ".TestWatch.") {
		t.Errorf("the insert comes from %+v", from)
	}
}

// TestWatchFailures: what fails, and a wait in vain, is told with its error.
func TestWatchFailures(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t, sessionPool(1, 0), func(o *db.Options) { o.PoolTimeout = sessionShortly })
	w := new(watched)
	s, tx := sessionNew(t, conn, t.Context(), db.Watch(w.note), db.ReadOnly())
	_ = tx.Exec("SELECT nothing").Error
	in := new(watched)
	_, other := sessionNew(t, conn, t.Context(), db.Watch(in.note))
	if other.Exec("SELECT 1").Error == nil {
		t.Error("there are two connections")
	}
	s.Rollback()
	if diff := cmp.Diff([]string{"", "BEGIN READ ONLY", "SELECT nothing", "ROLLBACK"}, w.statements()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, e := range w.events() {
		if (e.Err != nil) != (e.Statement == "SELECT nothing") {
			t.Errorf("%q: %v", e.Statement, e.Err)
		}
	}
	if list := in.events(); len(list) != 1 || list[0].Statement != "BEGIN" || list[0].Err == nil {
		t.Errorf("the wait in vain: %+v", list)
	}
}
