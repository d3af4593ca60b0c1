package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/query"
	"example.com/transcription-api/internal/models"
)

// pollPeriod is how long a worker without work waits before it looks again. A
// trigger with NOTIFY would be quicker, but PgBouncer in transaction mode passes
// none on, and a line that was cut loses them: polling would be needed all the same.
const pollPeriod = time.Second

// crew is workers in one process. Others may work on the same table.
type crew struct {
	workOrder
	conn            *db.DB
	log             *slog.Logger
	transcribe      transcriber
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
		case <-time.After(wait/2 + rand.N(wait)):
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
	result, err := c.safely(timed, item)
	if err != nil && timed.Err() != nil && work.Err() == nil {
		err = fmt.Errorf("no transcript within %v: %w", limit, err)
	}
	c.save(work, begun.Add(c.lease), item, result, err)
	return true, nil
}

// safely makes an error of a panic.
func (c *crew) safely(ctx context.Context, item models.Item) (result transcription, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	return c.transcribe(ctx, item)
}

// save writes what has become of an item: processed, failed, or pending again if
// the stop has cut it off. While the database is away it tries again until the
// lease is over, so that no transcript is lost by a restart.
func (c *crew) save(work context.Context, until time.Time, item models.Item, result transcription, failure error) {
	cutOff := failure != nil && work.Err() != nil
	ctx, cancel := context.WithDeadline(context.WithoutCancel(work), until)
	defer cancel()
	defer context.AfterFunc(work, func() { time.AfterFunc(abortTime, cancel) })()
	for {
		err := c.conn.WithSession(ctx, func(tx *gorm.DB) error {
			switch {
			case cutOff:
				return models.GiveBackItem(ctx, tx, item)
			case failure != nil:
				return models.FailItem(ctx, tx, item, failure.Error())
			default:
				return models.FinishItem(ctx, tx, item, result.text, result.seconds)
			}
		})
		switch db.Classify(err) {
		case db.Invalid: // such as a transcript that is too long
			if failure == nil {
				c.log.Warn("transcript refused", "item", item.ID, "error", err.Error())
				failure = errors.New("the transcript can not be stored: it is too long, or no text")
				continue
			}
		case db.Unavailable:
			if pause(ctx, pollPeriod) {
				continue
			}
		}
		if cutOff || err != nil && work.Err() != nil {
			c.unfinished.Add(1)
		}
		c.report(item, cutOff, failure, err)
		return
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d/2 + rand.N(d)):
		return true
	}
}

func (c *crew) report(item models.Item, cutOff bool, failure, err error) {
	log := c.log.With("item", item.ID)
	switch {
	case errors.Is(err, models.ErrLeaseLost):
		log.Warn("item lost: its lease was over, or a client has moved it")
	case err != nil:
		log.Error("item not saved: it comes back when its lease is over", "error", err.Error())
	case cutOff:
		log.Warn("item given back: it was not finished within SHUTDOWN_TIMEOUT")
	case failure != nil:
		log.Warn("item failed", "error", failure.Error())
	default:
		log.Info("item processed")
	}
}

// takeBack makes an item pending again whose worker has died.
func (c *crew) takeBack(ctx context.Context) (found bool, err error) {
	var item models.Item
	err = c.conn.WithSession(ctx, func(tx *gorm.DB) (err error) {
		item, err = models.TakeBackItem(ctx, tx)
		return err
	})
	if errors.Is(err, query.ErrNotFound) {
		return false, nil
	}
	if err == nil {
		c.log.Warn("item taken back: its worker has not ended in time", "item", item.ID)
	}
	return err == nil, err
}
