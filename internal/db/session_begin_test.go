package db_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// sessionTrips counts what a session that does fn costs, once its statements are prepared.
func sessionTrips(t *testing.T, p *poolUnderTest, proxy *dbtest.Proxy, fn func(tx *gorm.DB) error, opts ...db.SessionOption) int64 {
	t.Helper()
	sessionMust(t, p.WithSession(t.Context(), fn, opts...))
	before := proxy.RoundTrips()
	sessionMust(t, p.WithSession(t.Context(), fn, opts...))
	return proxy.RoundTrips() - before
}

// TestSessionRoundTrips: BEGIN and settings travel with the first statement, whatever they are; what a session has set is
// undone behind its COMMIT.
func TestSessionRoundTrips(t *testing.T) {
	t.Parallel()
	read := func(tx *gorm.DB) error {
		var n int
		return tx.Raw("SELECT count(*) FROM test_things WHERE title = ?", "a").Scan(&n).Error
	}
	write := func(tx *gorm.DB) error {
		return tx.Exec("INSERT INTO test_things (title, link) VALUES (?, 'https://example.com/a.wav')", "a").Error
	}
	tenant := db.Local("app.tenant", func(context.Context) (string, error) { return "green", nil })
	for name, c := range map[string]struct {
		fn   func(tx *gorm.DB) error
		opts []db.SessionOption
		want int64
	}{
		"a read":         {read, []db.SessionOption{db.ReadOnly()}, 2},
		"a write":        {write, nil, 2},
		"two writes":     {func(tx *gorm.DB) error { return errors.Join(write(tx), write(tx)) }, nil, 3},
		"with settings":  {write, []db.SessionOption{tenant, db.StatementTimeout(time.Minute), db.Isolation(sql.LevelSerializable)}, 2},
		"without params": {func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error }, nil, 3},
		"what sets": {func(tx *gorm.DB) error {
			return tx.Raw("SELECT set_config('app.x', 'y', false)").Scan(new(string)).Error
		}, nil, 2},
		"without anything": {func(*gorm.DB) error { return nil }, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, proxy := poolThrough(t, 1, 0, nil)
			if n := sessionTrips(t, p, proxy, c.fn, c.opts...); n != c.want {
				t.Errorf("%d round trips, want %d", n, c.want)
			}
		})
	}
}

// TestSessionRefusedBegin: a statement never runs outside of the transaction that it was sent to begin.
func TestSessionRefusedBegin(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	for range 3 { // the later ones on a connection that a refusal has spoilt before
		s, tx := sessionNew(t, conn, t.Context(), db.Local("work_mem", func(context.Context) (string, error) { return "nonsense", nil }))
		err := tx.Exec("INSERT INTO test_things (title, link) VALUES (?, 'https://example.com/a.wav')", "a").Error
		if err == nil || db.Classify(err) == db.Unavailable {
			t.Errorf("%v, want PostgreSQL's refusal", err)
		}
		if again := sessionInsert(tx, "b"); again == nil {
			t.Error("a second statement succeeded")
		}
		if err := s.Commit(); err == nil {
			t.Error("COMMIT succeeded")
		}
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows were saved", n)
	}
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return sessionInsert(tx, "c") }))
	sessionIdle(t, conn, url)
}

// TestSessionUnsentStatement: a statement that pgx cannot even encode sends no BEGIN, and dooms nothing.
func TestSessionUnsentStatement(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	write := func(tx *gorm.DB, title any) error {
		return tx.Exec("INSERT INTO test_things (title, link) VALUES (?, 'https://example.com/a.wav')", title).Error
	}
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return write(tx, "prepares it") }))
	s, tx := sessionNew(t, conn, t.Context())
	if err := write(tx, make(chan int)); err == nil {
		t.Fatal("a channel was encoded")
	}
	sessionMust(t, write(tx, "kept"))
	sessionMust(t, s.Commit())
	if n := sessionRows(t, url); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
	sessionIdle(t, conn, url)
}

// TestSessionCancelledInBegin: callers that leave while BEGIN and the first statement are on their way leave no
// transaction open, and harm nobody.
func TestSessionCancelledInBegin(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(4, 0))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 250 {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(rand.N(2*time.Millisecond), cancel)
				err := conn.WithSession(ctx, func(tx *gorm.DB) error {
					return tx.Exec("INSERT INTO test_things (title, link) VALUES (?, 'https://example.com/a.wav')", "a").Error
				})
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	all.Wait()
	sessionIdle(t, conn, url)
	for range 10 {
		sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return sessionInsert(tx, "b") }))
	}
}

// TestSessionFinish: a reader's end does not wait for its COMMIT; a writer's, a SERIALIZABLE one's and one with hooks do.
func TestSessionFinish(t *testing.T) {
	t.Parallel()
	hook := func(tx *gorm.DB) error { return db.AfterCommit(tx, func(context.Context) {}) }
	send := func(query string, args ...any) func(*gorm.DB) error {
		return func(tx *gorm.DB) error { return tx.Exec(query, args...).Error }
	}
	for name, c := range map[string]struct {
		opts  []db.SessionOption
		also  func(tx *gorm.DB) error
		early bool
	}{
		"a reader":              {[]db.SessionOption{db.ReadOnly()}, nil, true},
		"a SERIALIZABLE reader": {[]db.SessionOption{db.ReadOnly(), db.Isolation(sql.LevelSerializable)}, nil, false},
		"a reader with a hook":  {[]db.SessionOption{db.ReadOnly()}, hook, false},

		"a reader with a setting":      {[]db.SessionOption{db.ReadOnly()}, func(tx *gorm.DB) error { return db.SetLocal(tx, "app.tenant", "a") }, true},
		"a reader with a savepoint":    {[]db.SessionOption{db.ReadOnly()}, send("SAVEPOINT a"), true},
		"a reader that calls":          {[]db.SessionOption{db.ReadOnly()}, send("SELECT pg_is_in_recovery(), length(?)", "a"), true},
		"a reader that notifies":       {[]db.SessionOption{db.ReadOnly()}, send("NOTIFY a"), false},
		"a reader that calls notify":   {[]db.SessionOption{db.ReadOnly()}, send("SELECT pg_notify(?, '')", "a"), false},
		"a reader with a large object": {[]db.SessionOption{db.ReadOnly()}, send("SELECT lo_create(?)", 0), false},
		"a writer":                     {nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, proxy := poolThrough(t, 1, 0, nil)
			s := p.NewSession(t.Context(), c.opts...)
			var n int
			sessionMust(t, s.DB().Raw("SELECT count(*) FROM test_things WHERE title = ?", "a").Scan(&n).Error)
			if c.also != nil {
				sessionMust(t, c.also(s.DB()))
			}
			before := proxy.RoundTrips()
			sessionMust(t, s.Finish())
			early := proxy.RoundTrips() == before
			if !c.early && early {
				t.Error("it did not wait for its COMMIT")
			}
			dbtest.Eventually(t, "the connection is back", func() bool { return p.Status().CheckedOut == 0 })
			if n := proxy.RoundTrips() - before; n != 1 {
				t.Errorf("%d round trips for the end, want 1", n)
			}
		})
	}
}

// TestSessionFinishBroken: a reader that failed has no early end.
func TestSessionFinishBroken(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	s, tx := sessionNew(t, conn, t.Context(), db.ReadOnly())
	_ = tx.Exec("SELECT 1/0").Error
	if err := s.Finish(); err == nil {
		t.Error("no error")
	}
	sessionIdle(t, conn, url)
}
