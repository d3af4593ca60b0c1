package db_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// TestPool_WarmStart: Open has opened size connections, no more, and the first
// sessions use them. (pool_size; SQLAlchemy opens them one by one as they are asked for.)
func TestPool_WarmStart(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 3, 2, nil)
	if diff := cmp.Diff(db.Status{Size: 3, MaxOverflow: 2, CheckedIn: 3}, p.atOpen); diff != "" {
		t.Error(diff)
	}
	warm := p.backends()
	if len(warm) != 3 {
		t.Fatalf("%d backends after Open, want 3", len(warm))
	}
	if used := poolPIDs(p.takeMany(3)); !cmp.Equal(used, warm) {
		t.Errorf("sessions run on %v, want the connections that were open: %v", used, warm)
	}
	if n := p.Counters().Opened; n != 3 {
		t.Errorf("%d connections opened, want 3", n)
	}
}

// TestPool_OpenDead: a server that refuses does not hold up Open, nor fail it;
// sessions say so, and work once it is there.
func TestPool_OpenDead(t *testing.T) {
	t.Parallel()
	server := dbtest.Things(t)
	for range 10 {
		proxy := dbtest.NewProxy(t, server)
		proxy.Refuse()
		start := time.Now()
		p := poolOpen(t, poolOptions(proxy.URL(), 5, 0), server)
		if took := time.Since(start); took > poolPatience/2 {
			t.Errorf("Open took %v", took)
		}
		if _, err := p.once(); !errors.Is(err, db.ErrUnavailable) {
			t.Errorf("error %v, want ErrUnavailable", err)
		}
		proxy.Pass()
		p.mustOnce()
	}
}

// poolRush lets far more sessions than connections come at once, several times.
func poolRush(t *testing.T, p *poolUnderTest) (most int) {
	t.Helper()
	return p.poolMost(func() {
		errs := poolTogether(6*p.most, func(int) error {
			for range 10 {
				s, err := poolTry(t.Context(), p.DB)
				if err != nil {
					return err
				}
				time.Sleep(2 * time.Millisecond)
				if err := s.Commit(); err != nil {
					return err
				}
			}
			return nil
		})
		if len(errs) > 0 {
			t.Error(errs)
		}
	})
}

// TestPool_MaxOverflow: never more than size and overflow. (test_max_overflow)
func TestPool_MaxOverflow(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 2, 2, nil)
	if most := poolRush(t, p); most != 4 {
		t.Errorf("%d backends at a time, want 4", most)
	}
	if n := p.Counters().Opened; n != 4 {
		t.Errorf("%d connections opened, want 4", n)
	}
}

// TestPool_NoOverflow: with overflow 0 never more than size. (test_no_overflow)
func TestPool_NoOverflow(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 2, 0, nil)
	if most := poolRush(t, p); most != 2 {
		t.Errorf("%d backends at a time, want 2", most)
	}
	if n := p.Counters().Opened; n != 2 {
		t.Errorf("%d connections opened, want 2", n)
	}
}

// TestPool_OverflowIdle: what lies idle beyond size is closed, size stays.
// (test_mixed_close, where SQLAlchemy closes it at once)
func TestPool_OverflowIdle(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 2, 2, func(o *db.Options) { o.OverflowIdle = 300 * time.Millisecond })
	held := p.takeMany(4)
	if n := len(p.backends()); n != 4 {
		t.Fatalf("%d backends, want 4", n)
	}
	poolReturn(held)
	dbtest.Eventually(t, "the overflow is closed", func() bool { return len(p.backends()) <= 2 })
	for range 10 { // several rounds of pgxpool's health check
		time.Sleep(100 * time.Millisecond)
		if n := len(p.backends()); n != 2 {
			t.Fatalf("%d backends are kept, want 2", n)
		}
	}
}

// TestPool_OverflowWithoutChurn: bursts reuse the overflow of the burst before.
func TestPool_OverflowWithoutChurn(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 5, 10, func(o *db.Options) { o.OverflowIdle = poolPatience })
	const clients, sessions = 12, 2000
	errs := poolTogether(clients, func(i int) error {
		for n := i; n < sessions; n += clients {
			if _, err := p.once(); err != nil {
				return err
			}
		}
		return nil
	})
	if len(errs) > 0 {
		t.Error(errs)
	}
	if c := p.Counters(); c.Acquires != sessions || c.Opened > 16 {
		t.Errorf("%d sessions opened %d connections, want %d and at most 16", c.Acquires, c.Opened, sessions)
	}
}

// TestPool_Status: the figures after each step of a take-and-return sequence.
// (test_queuepool_close, and test_status of the pool's own)
func TestPool_Status(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 2, 1, nil)
	var held []poolHeld
	take := func() { held = append(held, p.take()) }
	give := func() {
		held[0].Rollback()
		held = held[1:]
	}
	waiter := make(chan error, 1)
	wait := func() {
		go func() {
			_, err := p.once()
			waiter <- err
		}()
		dbtest.Eventually(t, "somebody waits", func() bool { return p.Status().Waiting > 0 })
	}
	serve := func() {
		give()
		if err := <-waiter; err != nil {
			t.Error(err)
		}
	}
	for i, step := range []struct {
		do                                           func()
		in, out, overflow, waiting, opened, backends int
	}{
		{func() {}, 2, 0, 0, 0, 2, 2},
		{take, 1, 1, 0, 0, 2, 2},
		{take, 0, 2, 0, 0, 2, 2},
		{take, 0, 3, 1, 0, 3, 3},
		{wait, 0, 3, 1, 1, 3, 3},
		{serve, 1, 2, 1, 0, 3, 3},
		{give, 2, 1, 1, 0, 3, 3},
		{take, 1, 2, 1, 0, 3, 3},
		{give, 2, 1, 1, 0, 3, 3},
		{give, 3, 0, 1, 0, 3, 3},
	} {
		step.do()
		want := db.Status{
			Size: 2, MaxOverflow: 1,
			CheckedIn: step.in, CheckedOut: step.out, Overflow: step.overflow, Waiting: step.waiting,
		}
		// Idle connections leave the figures for the instant in which pgxpool looks at them.
		dbtest.Eventually(t, "figures add up", func() bool { return p.Status().CheckedIn == step.in })
		if diff := cmp.Diff(want, p.Status()); diff != "" {
			t.Errorf("step %d: %s", i, diff)
		}
		if n, opened := len(p.backends()), int(p.Counters().Opened); n != step.backends || opened != step.opened {
			t.Errorf("step %d: %d backends, %d opened, want %d and %d", i, n, opened, step.backends, step.opened)
		}
		if full := p.Status().Exhausted(); full != (step.out == 3) {
			t.Errorf("step %d: exhausted: %v", i, full)
		}
	}
	if c := p.Counters(); c.Acquires != 5 || c.Wait <= 0 {
		t.Errorf("%d acquires, %v of waiting, want 5 and some", c.Acquires, c.Wait)
	}
}
