//go:build unix

package db_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// poolBouncerSize is how many connections PgBouncer has for all of its clients:
// fewer than the pool has, and enough for two that migrate at once.
const poolBouncerSize = 3

// poolBouncer starts a PgBouncer of that size before a database.
func poolBouncer(t *testing.T, serverURL string) (bouncedURL string) {
	t.Helper()
	return dbtest.PgBouncer(t, serverURL, poolBouncerSize)
}

// poolBounced opens a pool before PgBouncer.
func poolBounced(t *testing.T, size, overflow int) *poolUnderTest {
	t.Helper()
	server := dbtest.Things(t)
	opts := poolOptions(poolBouncer(t, server), size, overflow)
	opts.PgBouncer = true
	opts.StatementTimeout, opts.IdleInTransactionTimeout = time.Minute, time.Minute // start-up parameters without PgBouncer
	return poolOpen(t, opts, server)
}

// TestPgBouncer_Sessions: many at a time, on fewer backends than the pool has
// connections, so that each statement meets backends which have not seen it.
func TestPgBouncer_Sessions(t *testing.T) {
	t.Parallel()
	p := poolBounced(t, 5, 3)
	dbtest.Exec(t, p.watcher.Config().ConnString(), "CREATE TABLE papers (id int PRIMARY KEY, body jsonb NOT NULL, at timestamptz)")
	errs := poolTogether(12, func(client int) error {
		for n := range 10 {
			if err := p.WithSession(t.Context(), func(tx *gorm.DB) error { return poolPaper(tx, 10*client+n) }); err != nil {
				return err
			}
		}
		return nil
	})
	if len(errs) > 0 {
		t.Fatal(errs[0])
	}
	if n := p.look("SELECT count(*) FROM papers WHERE body->>'name' = 'paper ' || id AND (body->'list'->>1)::int = id"); n != 120 {
		t.Errorf("%d papers are as written, want 120", n)
	}
	if n := p.Counters().Opened; n <= poolBouncerSize {
		t.Errorf("%d connections to PgBouncer, want several", n)
	}
	if n := len(p.backends()); n > poolBouncerSize {
		t.Errorf("%d backends behind PgBouncer, want %d", n, poolBouncerSize)
	}
	p.noBouncedSlotLost()
}

// poolPaper writes and reads back what the simpler protocols get wrong.
func poolPaper(tx *gorm.DB, id int) error {
	body, err := json.Marshal(map[string]any{"name": fmt.Sprintf("paper %d", id), "list": []int{1, id}})
	if err != nil {
		return err
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC)
	if err := tx.Exec("INSERT INTO papers VALUES (?, ?, ?)", id, body, at).Error; err != nil {
		return err
	}
	var read struct {
		Body json.RawMessage
		At   time.Time
	}
	if err := tx.Raw("SELECT body, at FROM papers WHERE id = ? AND body @> ?", id, json.RawMessage(body)).Take(&read).Error; err != nil {
		return err
	}
	var want, got any
	if err := json.Unmarshal(body, &want); err != nil {
		return err
	}
	if err := json.Unmarshal(read.Body, &got); err != nil {
		return err
	}
	if diff := cmp.Diff(want, got); diff != "" || !read.At.Equal(at) {
		return fmt.Errorf("paper %d: %s, at %v", id, diff, read.At)
	}
	return nil
}

// noBouncedSlotLost is noSlotLost where not all connections can be in a transaction at once.
func (p *poolUnderTest) noBouncedSlotLost() {
	p.t.Helper()
	poolReturn(p.takeMany(poolBouncerSize))
	dbtest.Eventually(p.t, "nothing is out", func() bool { return p.Status().CheckedOut == 0 })
}

// TestPgBouncer_DeadBackends: a backend lost behind PgBouncer fails no session that begins after it.
func TestPgBouncer_DeadBackends(t *testing.T) {
	t.Parallel()
	p := poolBounced(t, 5, 0)
	for range 3 {
		poolReturn(p.takeMany(poolBouncerSize))
		p.terminate(p.backends()...)
		if errs := poolTogether(12, func(int) error { _, err := p.once(); return err }); len(errs) > 0 {
			t.Errorf("%d of 12 failed: %v", len(errs), errs[0])
		}
	}
}

// TestPgBouncer_Migrations run through it, two instances at once included; so does the test of the connection.
func TestPgBouncer_Migrations(t *testing.T) {
	t.Parallel()
	opts := poolOptions(poolBouncer(t, dbtest.Empty(t)), 1, 0)
	opts.PgBouncer, opts.StatementTimeout = true, time.Minute
	if err := db.TestConnection(t.Context(), opts, 1, 0); err != nil {
		t.Error(err)
	}
	applied := make(chan []string, 2)
	errs := poolTogether(2, func(int) error {
		m, err := db.NewMigrator(opts)
		if err != nil {
			return err
		}
		defer m.Close()
		names, err := m.Up(t.Context())
		applied <- names
		return err
	})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	all := slices.Concat(<-applied, <-applied)
	files, err := os.ReadDir("migrations")
	if err != nil || len(all) != len(files) || len(all) == 0 {
		t.Errorf("applied %v in all, of %d: %v", all, len(files), err)
	}
	poolBouncedDown(t, opts, all)
}

func poolBouncedDown(t *testing.T, opts db.Options, applied []string) {
	t.Helper()
	m, err := db.NewMigrator(opts)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if name, err := m.Down(t.Context()); err != nil || name != applied[len(applied)-1] {
		t.Errorf("down: %q, %v", name, err)
	}
	states, err := m.Status(t.Context())
	if err != nil || len(states) != len(applied) || !states[len(states)-1].AppliedAt.IsZero() {
		t.Errorf("status: %+v, %v", states, err)
	}
}
