package db

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The clock of these tests stands still until all goroutines wait, so that the
// order and the waits that they look at are exact.

// limiterWaiter enters beside the test and keeps its slot for some time.
func limiterWaiter(t *testing.T, l *limiter, hold time.Duration, entered func()) {
	t.Helper()
	go func() {
		if err := l.acquire(t.Context()); err != nil {
			t.Error(err)
			return
		}
		entered()
		time.Sleep(hold)
		l.release()
	}()
	synctest.Wait() // it has its slot, or is in the queue
}

// TestLimiter_InOrder: first come, first served. (test_waiters_handled; SQLAlchemy's use_lifo is about connections)
func TestLimiter_InOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, order := newLimiter(1, 0), make(chan int, 40)
		for i := range 40 {
			limiterWaiter(t, l, time.Second, func() { order <- i })
			if n := l.waiting.Load(); n != int64(i) {
				t.Errorf("%d wait, want %d", n, i)
			}
		}
		for want := range 40 {
			if got := <-order; got != want {
				t.Errorf("number %d was served in place %d", got, want)
			}
		}
		time.Sleep(time.Hour) // until the last has left
	})
}

// TestLimiter_ServedAtOnce: the moment a slot comes free. (test_notify_waiters)
func TestLimiter_ServedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, start := newLimiter(1, 0), time.Now()
		limiterWaiter(t, l, time.Minute, func() {})
		limiterWaiter(t, l, time.Minute, func() {
			if waited := time.Since(start); waited != time.Minute {
				t.Errorf("served after %v, want the minute for which the slot was taken", waited)
			}
		})
		time.Sleep(time.Hour) // until they have left
	})
}

// TestLimiter_Fairness: 40 clients that come back for 4 slots each wait for the 36
// others, and none ever waits for longer. Among waiters served at random the
// longest wait is six times the median.
func TestLimiter_Fairness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const clients, slots, rounds, hold = 40, 4, 6, time.Second
		l := newLimiter(slots, 0)
		var clientsDone sync.WaitGroup
		waits := make([][]time.Duration, clients)
		for i := range clients {
			clientsDone.Go(func() {
				for range rounds {
					start := time.Now()
					if err := l.acquire(t.Context()); err != nil {
						t.Error(err)
					}
					waits[i] = append(waits[i], time.Since(start))
					time.Sleep(hold)
					l.release()
				}
			})
		}
		clientsDone.Wait()
		all := slices.Sorted(slices.Values(slices.Concat(waits...)))
		longest, median := all[len(all)-1], all[len(all)/2]
		if want := (clients - slots) / slots * hold; longest != want || median != want {
			t.Errorf("the longest wait is %v, the median %v, want %v for both", longest, median, want)
		}
	})
}

// TestLimiter_TimeOut: a waiter leaves with the cause for which its context ended,
// no earlier and no later, and keeps no place in the queue.
func TestLimiter_TimeOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, start := newLimiter(1, 1), time.Now()
		limiterWaiter(t, l, time.Minute, func() {})
		wait, stop := context.WithTimeoutCause(t.Context(), 30*time.Second, ErrPoolTimeout)
		defer stop()
		if err := l.acquire(wait); !errors.Is(err, ErrPoolTimeout) || time.Since(start) != 30*time.Second {
			t.Errorf("after %v: %v, want ErrPoolTimeout after 30s", time.Since(start), err)
		}
		limiterWaiter(t, l, 0, func() {}) // there is room again
		if err := l.acquire(t.Context()); !errors.Is(err, ErrQueueFull) {
			t.Errorf("error %v, want ErrQueueFull", err)
		}
		if l.tryAcquire() {
			t.Error("a probe has the slot that a session holds")
		}
		time.Sleep(time.Hour) // until they have left
	})
}
