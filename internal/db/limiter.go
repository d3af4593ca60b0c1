package db

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// limiter admits as many sessions and health probes as the pool may have
// connections. Further sessions wait here, in the order in which they came, and
// never in pgxpool: so the figures for waiting are exact, and the queue can be
// bounded.
type limiter struct {
	slots      *semaphore.Weighted
	waiting    atomic.Int64
	maxWaiting int64 // 0: no limit
}

func newLimiter(slots, maxWaiting int) *limiter {
	return &limiter{slots: semaphore.NewWeighted(int64(slots)), maxWaiting: int64(maxWaiting)}
}

// acquire waits for a slot. It returns ErrQueueFull at once if too many wait
// already, or the cause for which ctx ended.
func (l *limiter) acquire(ctx context.Context) error {
	if l.tryAcquire() {
		return nil
	}
	defer l.waiting.Add(-1)
	if n := l.waiting.Add(1); l.maxWaiting > 0 && n > l.maxWaiting {
		return ErrQueueFull
	}
	if l.slots.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	return nil
}

// tryAcquire takes a slot if one is free and nobody waits for it.
func (l *limiter) tryAcquire() bool { return l.slots.TryAcquire(1) }

func (l *limiter) release() { l.slots.Release(1) }
