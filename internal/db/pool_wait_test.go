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

// TestPool_Timeout: it is exact below a second too, and counted. (test_timeout, test_timeout_accessor)
func TestPool_Timeout(t *testing.T) {
	t.Parallel()
	for _, limit := range []time.Duration{900 * time.Millisecond, 1300 * time.Millisecond} {
		t.Run(limit.String(), func(t *testing.T) {
			t.Parallel()
			p := poolNew(t, 1, 0, func(o *db.Options) { o.PoolTimeout = limit })
			held := p.take()
			start := time.Now()
			_, err := p.once()
			took := time.Since(start)
			if !errors.Is(err, db.ErrPoolTimeout) || db.Classify(err) != db.Unavailable {
				t.Errorf("error %v, want ErrPoolTimeout", err)
			}
			if took < limit || took > poolPatience {
				t.Errorf("failed after %v, want %v", took, limit)
			}
			if s := p.Status(); s.Timeouts != 1 || s.Waiting != 0 || s.CheckedOut != 1 || p.Counters().Wait < limit {
				t.Errorf("%+v, waited %v", s, p.Counters().Wait)
			}
			held.Rollback()
			p.noSlotLost()
		})
	}
}

// TestPool_TimeoutRace: of many that come at once each fails, and has waited for as long. (test_timeout_race)
func TestPool_TimeoutRace(t *testing.T) {
	t.Parallel()
	const limit = time.Second
	p := poolNew(t, 3, 0, func(o *db.Options) { o.PoolTimeout = limit })
	held := p.takeMany(3)
	var waited [9]time.Duration
	errs := poolTogether(9, func(i int) error {
		start := time.Now()
		_, err := p.once()
		waited[i] = time.Since(start)
		return err
	})
	if len(errs) != 9 || slices.ContainsFunc(errs, func(err error) bool { return !errors.Is(err, db.ErrPoolTimeout) }) {
		t.Errorf("%d failed, want 9 that say ErrPoolTimeout: %v", len(errs), errs)
	}
	if least, most := slices.Min(waited[:]), slices.Max(waited[:]); least < limit || most > poolPatience {
		t.Errorf("failed after %v to %v, want %v", least, most, limit)
	}
	if s, c := p.Status(), p.Counters(); s.Timeouts != 9 || c.Wait < 9*limit {
		t.Errorf("%d time-outs counted after %v, want 9 after 9 times %v", s.Timeouts, c.Wait, limit)
	}
	poolReturn(held)
	p.noSlotLost()
}

// TestPool_TimeoutBoundsTheWait: not the transaction. (QueuePool's timeout parameter)
func TestPool_TimeoutBoundsTheWait(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 1, 0, func(o *db.Options) { o.PoolTimeout = time.Second })
	s := p.take()
	for range 3 {
		if err := s.DB().Exec("SELECT pg_sleep(0.4)").Error; err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(); err != nil {
		t.Error(err)
	}
}

// TestPool_WaitersInOrder: all of them wait at the limiter, which serves them in order (see TestLimiter_InOrder); behind it none
// has to wait again, where another might overtake it.
func TestPool_WaitersInOrder(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 1, 0, nil)
	held := p.take()
	served := make(chan []error, 1)
	go func() {
		served <- poolTogether(40, func(int) error { _, err := p.once(); return err })
	}()
	dbtest.Eventually(t, "all wait", func() bool { return p.Status().Waiting == 40 })
	before := p.PoolWaits()
	held.Rollback()
	if errs := <-served; len(errs) > 0 {
		t.Error(errs)
	}
	if n := p.PoolWaits() - before; n != 0 {
		t.Errorf("%d sessions waited in pgxpool, whose order is another", n)
	}
}

// TestPool_WaiterGone: a waiter whose caller leaves frees its place, at once.
func TestPool_WaiterGone(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 1, 0, func(o *db.Options) { o.MaxWaiting = 2 })
	held := p.take()
	why := errors.New("the client went away")
	ctx, leave := context.WithCancelCause(t.Context())
	gone, served := make(chan error, 1), make(chan error, 2)
	go func() {
		_, err := poolTry(ctx, p.DB)
		gone <- err
	}()
	wait := func(waiting int) {
		go func() {
			_, err := p.once()
			served <- err
		}()
		dbtest.Eventually(t, "it waits", func() bool { return p.Status().Waiting == waiting })
	}
	dbtest.Eventually(t, "it waits", func() bool { return p.Status().Waiting == 1 })
	wait(2)
	leave(why)
	if err := <-gone; !errors.Is(err, why) {
		t.Errorf("error %v, want the reason for which the caller left", err)
	}
	if s := p.Status(); s.Waiting != 1 || s.Timeouts != 0 || s.CheckedOut != 1 {
		t.Errorf("%+v", s)
	}
	wait(2) // there is room again
	held.Rollback()
	for range 2 {
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
	p.noSlotLost()
}

// TestPool_QueueFull: beyond MaxWaiting a session fails at once.
func TestPool_QueueFull(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 1, 1, func(o *db.Options) { o.MaxWaiting = 2 })
	held := p.takeMany(2)
	served := make(chan error, 2)
	for i := range 2 {
		go func() {
			_, err := p.once()
			served <- err
		}()
		dbtest.Eventually(t, "it waits", func() bool { return p.Status().Waiting == i+1 })
	}
	start := time.Now()
	for range 5 {
		if _, err := p.once(); !errors.Is(err, db.ErrQueueFull) || db.Classify(err) != db.Unavailable {
			t.Errorf("error %v, want ErrQueueFull", err)
		}
	}
	if s := p.Status(); s.Waiting != 2 || s.Timeouts != 0 || time.Since(start) > poolPatience {
		t.Errorf("after %v: %+v", time.Since(start), s)
	}
	poolReturn(held)
	for range 2 {
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
	p.noSlotLost()
}
