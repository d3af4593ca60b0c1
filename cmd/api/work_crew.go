package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/query"
	"example.com/transcription-api/internal/models"
)

// pollPeriod is how long a worker without work waits before it looks again. Why
// there is no NOTIFY, and what that costs, is in docs/work.md.
const pollPeriod = time.Second

// crew is workers in one process. Others may work on the same table.
type crew struct {
	workOrder
	conn            *db.DB
	log             *slog.Logger
	transcribe      transcriber
	figures         *workFigures
	shutdownTimeout time.Duration
	deadline        time.Time    // of the stop, once ctx has ended
	unfinished      atomic.Int64 // items that the stop has cut off
}

// run works until ctx ends. Then no item is begun; those in hand are finished
// within SHUTDOWN_TIMEOUT, or given back.
func (c *crew) run(ctx context.Context) error {
	work, cut := context.WithCancelCause(context.WithoutCancel(ctx)) // which outlives ctx
	defer cut(nil)
	var workers sync.WaitGroup
	for range c.workers {
		workers.Go(func() { c.again(ctx, pollPeriod, func() (bool, error) { return c.workOne(ctx, work) }) })
	}
	workers.Go(func() { c.again(ctx, c.lease/10, func() (bool, error) { return c.takeBack(ctx) }) })
	done := make(chan struct{})
	go func() {
		workers.Wait()
		close(done)
	}()

	<-ctx.Done()
	c.deadline = time.Now().Add(c.shutdownTimeout)
	c.log.Info("draining", "timeout", c.shutdownTimeout.String())
	select {
	case <-done:
	case <-time.After(c.shutdownTimeout):
		cut(db.ErrShutdown)
		select {
		case <-done:
		case <-time.After(abortTime + time.Second):
			return errors.New("items still in work after SHUTDOWN_TIMEOUT: others take them when their lease is over")
		}
	}
	if n := c.unfinished.Load(); n > 0 {
		return fmt.Errorf("%d items not finished within SHUTDOWN_TIMEOUT: they are pending again, at the latest when their lease is over", n)
	}
	c.log.Info("stopped")
	return nil
}

// again runs step until ctx ends: at once after one that found something to do,
// else after the period, and later after each error. Jitter keeps workers apart.
func (c *crew) again(ctx context.Context, period time.Duration, step func() (found bool, err error)) {
	failures := 0
	for ctx.Err() == nil {
		found, err := step()
		if err != nil && ctx.Err() != nil {
			return // the stop, no fault
		}
		if err != nil {
			c.log.Warn("can not look for work", "error", err.Error())
			failures++
		} else if failures = 0; found {
			continue
		}
		wait := min(period<<min(failures, 5), max(period, 30*time.Second))
		select {
		case <-ctx.Done():
		case <-time.After(jitter(wait)):
		}
	}
}

// workOne claims an item, unless ctx has ended, and works on it. The transaction
// of the claim is over before the work begins.
func (c *crew) workOne(ctx, work context.Context) (found bool, err error) {
	begun := time.Now()
	var item models.Item
	err = c.conn.WithSession(ctx, func(tx *gorm.DB) (err error) {
		if item, err = models.ClaimItem(ctx, tx, c.lease); err != nil {
			return err
		}
		return ctx.Err() // the stop came meanwhile: the item stays pending
	})
	if errors.Is(err, query.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	limit := c.lease * 9 / 10 // so that the worker gives up before another one takes the item
	timed, cancel := context.WithDeadline(work, begun.Add(limit))
	defer cancel()
	defer c.figures.begin()()
	result, err := c.safely(timed, item)
	if err != nil && timed.Err() != nil && work.Err() == nil {
		err = fmt.Errorf("no transcript within %v: %w", limit, err)
	}
	c.save(work, begun.Add(c.lease), item, result, err)
	return true, nil
}

// safely makes an error of a panic, which is an attempt like any other.
func (c *crew) safely(ctx context.Context, item models.Item) (result transcription, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			c.log.Error("engine panicked", "item", item.ID, "error", fmt.Sprint(fault), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	return c.transcribe(ctx, item)
}

// takeBack makes an item pending again whose worker has died, or failed if that
// was its last attempt.
func (c *crew) takeBack(ctx context.Context) (found bool, err error) {
	var item models.Item
	err = c.conn.WithSession(ctx, func(tx *gorm.DB) (err error) {
		item, err = models.TakeBackItem(ctx, tx, c.attempts)
		return err
	})
	if errors.Is(err, query.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	log := c.log.With("item", item.ID, "attempt", item.Attempts)
	if item.Status == models.Failed {
		c.figures.ended(failed)
		log.Warn("item failed: no worker has ended it", "error", *item.Error)
		return true, nil
	}
	c.figures.ended(takenBack)
	log.Warn("item taken back: its worker has not ended in time")
	return true, nil
}

// jitter keeps apart what would come together.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(max(d, 1)) }
