package db_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// TestPool_PingExhausted: a pool that is full is not down, and nothing is opened beyond its limit.
func TestPool_PingExhausted(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 2, 1, nil)
	held := p.takeMany(3)
	most := p.poolMost(func() {
		for range 20 {
			if err := p.Ping(t.Context(), poolPatience); err != nil {
				t.Error(err)
			}
		}
	})
	if c := p.Counters(); most != 3 || c.Opened != 3 || c.Acquires != 3 {
		t.Errorf("%d backends, %d opened, %d acquires, want 3 of each", most, c.Opened, c.Acquires)
	}
	if s := p.Status(); !s.Exhausted() || s.CheckedOut != 3 || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
	poolReturn(held)
	p.noSlotLost()
}

// TestPool_PingWhileItFills: a probe never waits behind a session that has just taken the last connection.
func TestPool_PingWhileItFills(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 1, 0, nil)
	for range 100 {
		taken := make(chan poolHeld)
		go func() {
			s, err := poolTry(t.Context(), p.DB)
			if err != nil {
				t.Error(err)
			}
			taken <- s
		}()
		if err := p.Ping(t.Context(), poolPatience); err != nil {
			t.Error(err)
		}
		s := <-taken
		s.Rollback()
		if t.Failed() {
			return
		}
	}
	p.noSlotLost()
}

// TestPool_PingIsNotCounted: a probe is no session.
func TestPool_PingIsNotCounted(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 1, 0, nil)
	for range 10 {
		if err := p.Ping(t.Context(), poolPatience); err != nil {
			t.Error(err)
		}
	}
	if c := p.Counters(); c.Acquires != 0 || c.Opened != 1 || c.Timeouts != 0 {
		t.Errorf("%+v", c)
	}
	if s := p.Status(); s.CheckedIn != 1 || s.CheckedOut != 0 {
		t.Errorf("%+v", s)
	}
}

// TestPool_PingDead: whether refused or swallowed, with connections to spare or
// without, the answer is there within its limit.
func TestPool_PingDead(t *testing.T) {
	t.Parallel()
	const limit, connecting = 500 * time.Millisecond, 6 * time.Second
	for name, fault := range map[string]func(*dbtest.Proxy){
		"refused":    func(proxy *dbtest.Proxy) { proxy.Refuse(); proxy.Reset() },
		"black hole": (*dbtest.Proxy).BlackHole,
	} {
		for _, taken := range []int{0, 1, 2} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p, proxy := poolThrough(t, 1, 1, func(o *db.Options) { o.ConnectTimeout = connecting })
				p.takeMany(taken)
				t.Cleanup(proxy.Reset) // ROLLBACK would wait for an answer
				fault(proxy)
				for range 3 {
					start := time.Now()
					if err := p.Ping(t.Context(), limit); !errors.Is(err, db.ErrUnavailable) {
						t.Errorf("%d taken: error %v, want ErrUnavailable", taken, err)
					}
					if took := time.Since(start); took > connecting {
						t.Errorf("%d taken: answered after %v, the limit is %v", taken, took, limit)
					}
				}
			})
		}
	}
}

// TestPool_PingLimit: on a dead line pgx takes half a second over the limit, at
// best; a probe does not, where the machine is not slow just then.
func TestPool_PingLimit(t *testing.T) {
	t.Parallel()
	const limit = 300 * time.Millisecond
	p, proxy := poolThrough(t, 5, 0, func(o *db.Options) { o.ConnectTimeout = 2 * time.Second })
	proxy.BlackHole()
	best := time.Hour
	for try := 0; try < 5 || try < 20 && best > limit+400*time.Millisecond; try++ {
		start := time.Now()
		if p.Ping(t.Context(), limit) == nil {
			t.Error("a black hole answered")
		}
		took := time.Since(start)
		best = min(best, took)
	}
	if best < limit || best > limit+400*time.Millisecond {
		t.Errorf("answered after %v at best, the limit is %v", best, limit)
	}
}

// TestPool_PingRecovers: probes on a dead pool lose no slot, and the first one after its end succeeds soon.
func TestPool_PingRecovers(t *testing.T) {
	t.Parallel()
	p, proxy := poolThrough(t, 1, 2, func(o *db.Options) { o.ConnectTimeout = 5 * time.Second })
	proxy.BlackHole()
	for range 5 {
		if p.Ping(t.Context(), 200*time.Millisecond) == nil {
			t.Error("a black hole answered")
		}
	}
	proxy.Pass()
	dbtest.Eventually(t, "it answers again", func() bool { return p.Ping(t.Context(), 5*time.Second) == nil })
	p.noSlotLost()
}

// TestPool_Budget: what all instances may open, against what the server grants.
func TestPool_Budget(t *testing.T) {
	t.Parallel()
	opts := poolOptions(dbtest.Things(t), 2, 1)
	p := poolOpen(t, opts, opts.URL)
	most, reserved := p.look("SELECT current_setting('max_connections')::int"), p.look(`SELECT sum(setting::int)::int
		FROM pg_settings WHERE name IN ('superuser_reserved_connections', 'reserved_connections')`)
	allowed := most - reserved
	for instances, exceeded := range map[int]bool{1: false, allowed / 3: false, allowed/3 + 1: true} {
		b, err := opts.Budget(t.Context(), instances)
		if want := (db.Budget{Wanted: 3 * instances, Allowed: allowed}); err != nil || b != want || (b.Err() != nil) != exceeded {
			t.Errorf("%d instances: %+v, %v, %v; want %+v, exceeded: %v", instances, b, err, b.Err(), want, exceeded)
		}
	}
	b := db.Budget{Wanted: 45, Allowed: 44}
	if text := fmt.Sprint(b.Err()); !strings.Contains(text, "45") || !strings.Contains(text, "44") {
		t.Errorf("%q lacks a number", text)
	}
	p.noSlotLost()
}

// TestPool_BudgetPgBouncer: its limit is not the server's.
func TestPool_BudgetPgBouncer(t *testing.T) {
	t.Parallel()
	opts := poolOptions("", 1, 1) // it does not even connect
	opts.PgBouncer = true
	if b, err := opts.Budget(t.Context(), 100000); err != nil || b.Err() != nil || b.Wanted != 200000 {
		t.Errorf("%+v, %v", b, err)
	}
}
