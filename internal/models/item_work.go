package models

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/query"
)

// A worker claims an item by a lease: it is the worker's alone until then. All
// moves of the status are those that clients may make.

// ErrLeaseLost says that an item is no longer the worker's: its lease was over and
// another one has it, or a client has moved or deleted it.
var ErrLeaseLost = errors.New("the item is no longer this worker's")

// claimable are the pending items that a worker may begin with.
func claimable(db *gorm.DB) *gorm.DB {
	return db.Where("status = ? AND coalesce(retry_at <= now(), true)", Pending)
}

// ClaimItem moves the item that has been there for longest from pending to
// processing, and counts the attempt. Workers at the same time get different
// items. With nothing to do it returns query.ErrNotFound.
func ClaimItem(ctx context.Context, db *gorm.DB, lease time.Duration) (Item, error) {
	item, err := query.Claim[Item](ctx, claimable(db), "created_at", query.Changes{
		"status": Processing, "lease_until": after(lease), "attempts": gorm.Expr("attempts + 1"),
	})
	if err != nil {
		return Item{}, fmt.Errorf("claim item: %w", err)
	}
	return item, nil
}

// WaitingItem returns for how long the item has waited that a worker would claim
// next, or zero if there is none. It reads one entry of an index.
func WaitingItem(ctx context.Context, db *gorm.DB) (time.Duration, error) {
	var seconds []float64
	err := claimable(db.WithContext(ctx)).Model(&Item{}).Order("created_at, id").Limit(1).
		Pluck("extract(epoch FROM now() - coalesce(retry_at, created_at))::float8", &seconds).Error
	if err != nil || len(seconds) == 0 {
		return 0, err
	}
	return max(0, time.Duration(seconds[0]*float64(time.Second))), nil
}

// FinishItem moves an item that the worker has claimed to processed, or returns
// ErrLeaseLost. What an earlier attempt has left as its error goes.
func FinishItem(ctx context.Context, db *gorm.DB, claimed Item, transcript string, seconds *float64) error {
	text, none := &transcript, (*string)(nil)
	return endLease(ctx, db, claimed, ItemChanges{Status: new(Processed), Transcript: &text, DurationSeconds: &seconds, Error: &none})
}

// FailItem moves an item that the worker has claimed to failed, or returns
// ErrLeaseLost. Of the reason it keeps what the column can hold.
func FailItem(ctx context.Context, db *gorm.DB, claimed Item, reason string) error {
	return endLease(ctx, db, claimed, ItemChanges{Status: new(Failed), Error: itemError(reason)})
}

// RetryItem makes an item that the worker has claimed pending again, with the
// reason as its error, or returns ErrLeaseLost. No worker begins with it before
// the pause is over.
func RetryItem(ctx context.Context, db *gorm.DB, claimed Item, reason string, pause time.Duration) error {
	if err := FailItem(ctx, db, claimed, reason); err != nil {
		return err
	}
	_, err := putBack(ctx, db, claimed.ID, query.Changes{"retry_at": after(pause)})
	return err
}

// GiveBackItem makes an item that the worker has claimed pending again, as if it
// had never had it, or returns ErrLeaseLost.
func GiveBackItem(ctx context.Context, db *gorm.DB, claimed Item) error {
	if err := endLease(ctx, db, claimed, ItemChanges{Status: new(Failed)}); err != nil {
		return err
	}
	_, err := putBack(ctx, db, claimed.ID, query.Changes{"retry_at": after(0), "attempts": gorm.Expr("greatest(attempts - 1, 0)")})
	return err
}

// TakeBackItem ends the lease of one item whose time is over, for the worker that
// has died with it, and returns the item: pending again, or failed if it was the
// last of so many attempts. Without one it returns query.ErrNotFound.
func TakeBackItem(ctx context.Context, db *gorm.DB, attempts int) (Item, error) {
	item, err := query.Claim[Item](ctx, db.Where("status = ? AND lease_until < now()", Processing), "lease_until", query.Changes{"status": Failed})
	switch {
	case err != nil:
	case int(item.Attempts) < attempts:
		item, err = putBack(ctx, db, item.ID, query.Changes{"retry_at": after(0)})
	default:
		reason := fmt.Sprintf("given up after %d attempts: in the last one the worker ended before the work did, or had no answer in time", item.Attempts)
		item, err = query.Update[Item](ctx, db, item.ID, query.Changes{"error": reason}, query.Versions{})
	}
	if err != nil {
		return Item{}, fmt.Errorf("take an item back: %w", err)
	}
	return item, nil
}

// putBack moves an item on from failed to pending, in the transaction that has
// moved it there, since no other way leads back.
func putBack(ctx context.Context, db *gorm.DB, id int64, changes query.Changes) (Item, error) {
	changes["status"] = Pending
	return query.Update[Item](ctx, db.Where("status = ?", Failed), id, changes, query.Versions{})
}

func endLease(ctx context.Context, db *gorm.DB, claimed Item, changes ItemChanges) error {
	_, err := UpdateItem(ctx, db.Where("lease_until = ?", claimed.LeaseUntil), claimed.ID, changes, query.Versions{})
	if _, refused := errors.AsType[*query.Conflict](err); refused || errors.Is(err, query.ErrNotFound) {
		return fmt.Errorf("item %d: %w", claimed.ID, ErrLeaseLost)
	}
	return err
}

// after is a time by the database's clock, which all workers share.
func after(d time.Duration) any { return gorm.Expr("now() + make_interval(secs => ?)", d.Seconds()) }

const maxItemError = 2000 // characters, as the table has it

// itemError is what the column error can hold of a reason.
func itemError(reason string) **string {
	reason = strings.ReplaceAll(strings.ToValidUTF8(reason, "\uFFFD"), "\x00", "\uFFFD")
	if chars := []rune(reason); len(chars) > maxItemError {
		reason = string(chars[:maxItemError])
	}
	text := &reason
	return &text
}
