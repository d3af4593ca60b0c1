package db

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// gate admits as many sessions and health probes as the pool may have
// connections. Other sessions wait in the order in which they came; pgxpool
// behind it then never makes them wait, so that the figures for waiting are
// exact and the queue can be bounded.
type gate struct {
	slots      *semaphore.Weighted
	waiting    atomic.Int64
	maxWaiting int64 // 0: no limit
}

func newGate(slots, maxWaiting int) *gate {
	return &gate{slots: semaphore.NewWeighted(int64(slots)), maxWaiting: int64(maxWaiting)}
}

// enter waits for a slot. It returns ErrQueueFull at once if too many wait
// already, or the cause for which ctx ended.
func (g *gate) enter(ctx context.Context) error {
	if g.tryEnter() {
		return nil
	}
	defer g.waiting.Add(-1)
	if n := g.waiting.Add(1); g.maxWaiting > 0 && n > g.maxWaiting {
		return ErrQueueFull
	}
	if g.slots.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	return nil
}

// tryEnter takes a slot if one is free and nobody waits for it.
func (g *gate) tryEnter() bool { return g.slots.TryAcquire(1) }

func (g *gate) leave() { g.slots.Release(1) }
