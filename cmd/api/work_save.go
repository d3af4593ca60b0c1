package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/models"
)

// An outcome is how the work of one worker on an item has ended: a label of
// work_items_total.
type outcome string

const (
	processed outcome = "processed"
	failed    outcome = "failed"
	retried   outcome = "retried"    // pending, and to be begun again after a pause
	givenBack outcome = "given_back" // pending, as the stop has cut it off
	takenBack outcome = "taken_back" // pending, as its worker has died
	lost      outcome = "lost"       // no longer this worker's, as its lease was over or a client has moved it
	unsaved   outcome = "unsaved"    // taken back when its lease is over
)

// outcomes are all there are, so that each is shown from the start.
var outcomes = []outcome{processed, failed, retried, givenBack, takenBack, lost, unsaved}

// hopeless is an error that another attempt would not mend.
type hopeless struct{ error }

// maxBackoff bounds the pause between two attempts.
const maxBackoff = time.Hour

// pauseAfter doubles with each attempt.
func (o workOrder) pauseAfter(attempt int32) time.Duration {
	pause := o.backoff
	for ; attempt > 1 && pause < maxBackoff; attempt-- {
		pause *= 2
	}
	return jitter(min(pause, maxBackoff))
}

// intended is what is to become of an item.
func (o workOrder) intended(item models.Item, cutOff bool, failure error) outcome {
	_, none := errors.AsType[hopeless](failure)
	switch {
	case failure == nil:
		return processed
	case cutOff:
		return givenBack
	case none || int(item.Attempts) >= o.attempts:
		return failed
	default:
		return retried
	}
}

// save writes what has become of an item: processed, failed, to be tried again,
// or pending as before if the stop has cut it off. While the database is away it
// tries again until the lease is over, so that no transcript is lost by a restart.
func (c *crew) save(work context.Context, until time.Time, item models.Item, result transcription, failure error) {
	cutOff := failure != nil && work.Err() != nil
	ctx, cancel := context.WithDeadline(context.WithoutCancel(work), until)
	defer cancel()
	defer context.AfterFunc(work, func() { time.AfterFunc(abortTime, cancel) })()
	for {
		how := c.intended(item, cutOff, failure)
		err := c.conn.WithSession(ctx, func(tx *gorm.DB) error { return c.write(ctx, tx, how, item, result, failure) })
		switch db.Classify(err) {
		case db.Invalid: // such as a transcript that is too long
			if failure == nil {
				c.log.Warn("transcript refused", "item", item.ID, "error", err.Error())
				failure = hopeless{errors.New("the transcript can not be stored: it is too long, or no text")}
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
		c.report(item, how, failure, err)
		return
	}
}

func (c *crew) write(ctx context.Context, tx *gorm.DB, how outcome, item models.Item, result transcription, failure error) error {
	switch how {
	case processed:
		return models.FinishItem(ctx, tx, item, result.text, result.seconds)
	case givenBack:
		return models.GiveBackItem(ctx, tx, item)
	case retried:
		reason := fmt.Sprintf("attempt %d of %d: %v", item.Attempts, c.attempts, failure)
		return models.RetryItem(ctx, tx, item, reason, c.pauseAfter(item.Attempts))
	default:
		return models.FailItem(ctx, tx, item, c.reason(item, failure))
	}
}

// reason is what clients read of an item that has failed.
func (c *crew) reason(item models.Item, failure error) string {
	if item.Attempts < 2 {
		return failure.Error()
	}
	return fmt.Sprintf("given up after %d attempts: %v", item.Attempts, failure)
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(jitter(d)):
		return true
	}
}

// report logs and counts what has become of an item, or that nothing has.
func (c *crew) report(item models.Item, how outcome, failure, err error) {
	log := c.log.With("item", item.ID, "attempt", item.Attempts)
	switch {
	case errors.Is(err, models.ErrLeaseLost):
		how = lost
		log.Warn("item lost: its lease was over, or a client has moved it")
	case err != nil:
		how = unsaved
		log.Error("item not saved: it comes back when its lease is over", "error", err.Error())
	case how == givenBack:
		log.Warn("item given back: it was not finished within SHUTDOWN_TIMEOUT")
	case how == retried:
		log.Warn("item to be tried again", "error", failure.Error())
	case how == failed:
		log.Warn("item failed", "error", failure.Error())
	default:
		log.Info("item processed")
	}
	c.figures.ended(how)
}
