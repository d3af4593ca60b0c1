package db_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
)

// TestPool_Timeout: it is exact below a second too, and counted. (test_timeout, test_timeout_accessor)
func TestPool_Timeout(t *testing.T) {
	t.Parallel()
	for _, limit := range []time.Duration{150 * time.Millisecond, 1300 * time.Millisecond} {
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
			if took < limit || took > limit+10*time.Second {
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

// TestPool_TimeoutRace: of many that come at once exactly those fail that get
// no connection, and each has waited for as long. (test_timeout_race)
func TestPool_TimeoutRace(t *testing.T) {
	t.Parallel()
	const limit = 500 * time.Millisecond
	p := poolNew(t, 2, 1, func(o *db.Options) { o.PoolTimeout = limit })
	losers := make(chan time.Duration, 12)
	enough := make(chan struct{})
	go func() {
		for range 9 {
			if waited := <-losers; waited < limit || waited > limit+10*time.Second {
				t.Errorf("failed after %v, want %v", waited, limit)
			}
		}
		close(enough)
	}()
	errs := poolTogether(12, func(int) error {
		start := time.Now()
		s, err := poolTry(t.Context(), p.DB)
		if err != nil {
			losers <- time.Since(start)
			return err
		}
		<-enough // those who have a connection keep it until the others have failed
		return s.Commit()
	})
	if len(errs) != 9 || slices.ContainsFunc(errs, func(err error) bool { return !errors.Is(err, db.ErrPoolTimeout) }) {
		t.Errorf("%d failed, want 9: %v", len(errs), errs)
	}
	if n := p.Status().Timeouts; n != 9 {
		t.Errorf("%d time-outs counted, want 9", n)
	}
	p.noSlotLost()
}

// TestPool_TimeoutBoundsTheWait: not the transaction. (QueuePool's timeout parameter)
func TestPool_TimeoutBoundsTheWait(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 1, 0, func(o *db.Options) { o.PoolTimeout = time.Second })
	s := p.take()
	for range 3 {
		if err := s.DB().Exec("SELECT pg_sleep(0.6)").Error; err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(); err != nil {
		t.Error(err)
	}
}

// TestPool_WaiterServedAtOnce: the moment a connection returns. (test_notify_waiters)
func TestPool_WaiterServedAtOnce(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 1, 0, nil)
	var delays []time.Duration
	for range 11 {
		held := p.take()
		served := make(chan time.Time, 1)
		go func() {
			if _, err := p.once(); err != nil {
				t.Error(err)
			}
			served <- time.Now()
		}()
		poolEventually(t, "it waits", func() bool { return p.Status().Waiting == 1 })
		held.Rollback()
		returned := time.Now()
		delays = append(delays, (<-served).Sub(returned))
	}
	slices.Sort(delays)
	if median := delays[len(delays)/2]; median > 200*time.Millisecond {
		t.Errorf("served after %v", delays)
	}
}

// TestPool_WaitersInOrder: first come, first served. (test_waiters_handled; SQLAlchemy's use_lifo is about connections)
func TestPool_WaitersInOrder(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 1, 0, nil)
	held := p.take()
	order := make(chan int, 40)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			s, err := poolTry(t.Context(), p.DB)
			if err != nil {
				t.Error(err)
			}
			order <- i
			s.Rollback()
		})
		poolEventually(t, "it waits", func() bool { return p.Status().Waiting == i+1 })
	}
	held.Rollback()
	all.Wait()
	for want := range 40 {
		if got := <-order; got != want {
			t.Fatalf("number %d was served in place %d", got, want)
		}
	}
}

// poolWaits are the sorted waits of 40 clients on 4 connections.
func poolWaits(t *testing.T, p *poolUnderTest) []time.Duration {
	t.Helper()
	const clients, rounds = 40, 6
	waits := make([][]time.Duration, clients)
	errs := poolTogether(clients, func(i int) error {
		for range rounds {
			start := time.Now()
			s, err := poolTry(t.Context(), p.DB)
			if err != nil {
				return err
			}
			waits[i] = append(waits[i], time.Since(start))
			time.Sleep(40 * time.Millisecond)
			s.Rollback()
		}
		return nil
	})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return slices.Sorted(slices.Values(slices.Concat(waits...)))
}

// TestPool_Fairness: the longest wait is below twice the median. A machine that
// stands still for half a second breaks it too, hence three tries: among waiters
// served at random the longest is six times the median in every one.
func TestPool_Fairness(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 4, 0, nil)
	var longest, median time.Duration
	for range 3 {
		waits := poolWaits(t, p)
		longest, median = waits[len(waits)-1], waits[len(waits)/2]
		if longest < 2*median {
			return
		}
	}
	t.Errorf("the longest wait is %v, the median %v", longest, median)
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
		poolEventually(t, "it waits", func() bool { return p.Status().Waiting == waiting })
	}
	poolEventually(t, "it waits", func() bool { return p.Status().Waiting == 1 })
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
		poolEventually(t, "it waits", func() bool { return p.Status().Waiting == i+1 })
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
