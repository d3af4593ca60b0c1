package db_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// poolKillAll fills the pool, gives everything back, and ends all backends.
func (p *poolUnderTest) poolKillAll() {
	p.t.Helper()
	poolReturn(p.takeMany(p.most))
	pids := p.backends()
	if len(pids) != p.most {
		p.t.Fatalf("%d backends, want %d", len(pids), p.most)
	}
	p.terminate(pids...)
}

// TestPool_PrePing: all idle connections are dead, and nobody notices. Fresh
// connections are not thrown away with them. (test_connect_across_restart)
func TestPool_PrePing(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 5, 10, nil)
	for round := range 3 {
		p.poolKillAll()
		before := p.Counters()
		if errs := poolTogether(50, func(int) error { _, err := p.once(); return err }); len(errs) > 0 {
			t.Fatalf("round %d: %d of 50 failed: %v", round, len(errs), errs[0])
		}
		after := p.Counters()
		if n := after.Opened - before.Opened; n < 1 || n > 20 { // 15, and those that died in between
			t.Errorf("round %d: %d connections opened", round, n)
		}
		if n := after.Invalidated - before.Invalidated; n < 1 || n > 2*15 { // one that is taken during the reset counts twice
			t.Errorf("round %d: %d connections invalidated, want about 15", round, n)
		}
	}
	p.noSlotLost()
}

// TestPool_NoExtraRoundTrip: BEGIN travels with the statement and COMMIT is another one, and none is a ping.
func TestPool_NoExtraRoundTrip(t *testing.T) {
	t.Parallel()
	p, proxy := poolThrough(t, 1, 0, nil)
	p.mustOnce() // prepares the statement
	for range 2 {
		time.Sleep(1100 * time.Millisecond) // pgxpool by itself pings what was idle for a second
		before := proxy.RoundTrips()
		p.mustOnce()
		if n := proxy.RoundTrips() - before; n != 2 {
			t.Errorf("%d round trips, want 2", n)
		}
	}
}

// TestPool_WithoutPrePing: exactly one failure, then all is well.
// (test_waits_til_exec_wo_ping_db_is_restarted)
func TestPool_WithoutPrePing(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 5, 0, func(o *db.Options) { o.PrePing = false })
	p.poolKillAll()
	if _, err := p.once(); !errors.Is(err, db.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
	for range 10 {
		p.mustOnce()
	}
	p.noSlotLost()
}

// TestPool_Generation: one dead connection replaces all of its age; those that
// are out when they come back. (test_invalidate_all, test_recreate_pool)
func TestPool_Generation(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 4, 0, nil)
	old := p.backends()
	out := p.take()
	next := p.mustOnce() // the pool hands out first what came back last
	p.terminate(next)
	p.mustOnce()
	if n := p.Counters().Invalidated; n != 3 {
		t.Errorf("%d connections invalidated, want 3: the one that is out is not yet", n)
	}
	if err := out.DB().Exec("SELECT 1").Error; err != nil {
		t.Errorf("the session that was out: %v", err)
	}
	if err := out.Commit(); err != nil {
		t.Errorf("the session that was out: %v", err)
	}
	dbtest.Eventually(t, "none of the old ones is left, and size is open", func() bool {
		now := p.backends()
		return len(now) == 4 && !slices.ContainsFunc(now, func(pid int) bool { return slices.Contains(old, pid) })
	})
	if n := p.Counters().Invalidated; n != 4 {
		t.Errorf("%d connections invalidated in the end, want 4", n)
	}
}

// TestPool_DeadInStatement: a backend that dies under a statement fails that
// session alone, and replaces the others of its age; a second one of that age
// does not replace the fresh ones. (test_disconnect, test_invalidate_transaction)
func TestPool_DeadInStatement(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 3, 0, func(o *db.Options) { o.PrePing = false })
	sessions := p.takeMany(2)
	p.terminate(p.backends()...)
	for _, s := range sessions {
		if err := s.DB().Exec("SELECT 1").Error; !errors.Is(err, db.ErrUnavailable) || db.Classify(err) != db.Unavailable {
			t.Errorf("error %v, want ErrUnavailable", err)
		}
		if err := s.Commit(); err == nil {
			t.Error("COMMIT succeeded on a dead connection")
		}
		for range 3 { // without a failure, although nothing is repeated
			p.mustOnce()
		}
	}
	if n := p.Counters().Invalidated; n != 3 {
		t.Errorf("%d connections invalidated, want each of the 3 once", n)
	}
	p.noSlotLost()
}

// TestPool_BlackHole: old connections that swallow everything cost one time-out, not one each, which were 20 s.
func TestPool_BlackHole(t *testing.T) {
	t.Parallel()
	const limit = 2 * time.Second
	p, proxy := poolThrough(t, 10, 0, func(o *db.Options) { o.ConnectTimeout = limit })
	proxy.BlackHole()
	proxy.Pass() // the lines that come
	start := time.Now()
	for range 10 {
		p.mustOnce()
	}
	if took := time.Since(start); took < limit/2 || took > 5*limit {
		t.Errorf("10 sessions took %v, want about %v", took, limit)
	}
	p.noSlotLost()
	if took := time.Since(start); took > 7*limit { // by itself pgx takes 15 s more
		t.Errorf("all slots were back after %v", took)
	}
}

// TestPool_BlackHoleAtOnce: nor do sessions that meet them at the same time wait in turn, which were 20 s.
func TestPool_BlackHoleAtOnce(t *testing.T) {
	t.Parallel()
	const limit = 2 * time.Second
	p, proxy := poolThrough(t, 5, 5, func(o *db.Options) { o.ConnectTimeout = limit })
	poolReturn(p.takeMany(10))
	proxy.BlackHole()
	proxy.Pass() // the lines that come
	start := time.Now()
	if errs := poolTogether(20, func(int) error { _, err := p.once(); return err }); len(errs) > 0 {
		t.Error(errs)
	}
	if took := time.Since(start); took < limit/2 || took > 5*limit {
		t.Errorf("20 sessions took %v, want about %v", took, limit)
	}
	p.noSlotLost()
}

// TestPool_BlackHoleInStatement: sessions whose line dies under them give their slots back, too.
func TestPool_BlackHoleInStatement(t *testing.T) {
	t.Parallel()
	const limit = 2 * time.Second
	p, proxy := poolThrough(t, 2, 0, func(o *db.Options) { o.ConnectTimeout = limit })
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	held := make([]poolHeld, 2)
	for i := range held {
		var err error
		if held[i], err = poolTry(ctx, p.DB); err != nil {
			t.Fatal(err)
		}
	}
	proxy.BlackHole()
	proxy.Pass() // the lines that come
	poolTogether(2, func(i int) error {
		if held[i].DB().Exec("SELECT 1").Error == nil {
			t.Error("a black hole answered")
		}
		held[i].Rollback()
		return nil
	})
	start := time.Now()
	p.noSlotLost()
	if took := time.Since(start); took > 12*time.Second { // by itself pgx takes 15 s
		t.Errorf("the slots were back after %v", took)
	}
}
