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

// ClaimItem moves the item that has been there for longest from pending to
// processing. Workers at the same time get different items. With nothing to do it
// returns query.ErrNotFound.
func ClaimItem(ctx context.Context, db *gorm.DB, lease time.Duration) (Item, error) {
	item, err := query.Claim[Item](ctx, db.Where("status = ?", Pending), "created_at", query.Changes{
		"status": Processing, "lease_until": gorm.Expr("now() + make_interval(secs => ?)", lease.Seconds()),
	})
	if err != nil {
		return Item{}, fmt.Errorf("claim item: %w", err)
	}
	return item, nil
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
	reason = strings.ReplaceAll(strings.ToValidUTF8(reason, "\uFFFD"), "\x00", "\uFFFD")
	if chars := []rune(reason); len(chars) > maxItemError {
		reason = string(chars[:maxItemError])
	}
	text := &reason
	return endLease(ctx, db, claimed, ItemChanges{Status: new(Failed), Error: &text})
}

const maxItemError = 2000 // characters, as the table has it

// GiveBackItem makes an item that the worker has claimed pending again, or
// returns ErrLeaseLost. It goes by way of failed, in one transaction, since no
// other way leads back.
func GiveBackItem(ctx context.Context, db *gorm.DB, claimed Item) error {
	if err := endLease(ctx, db, claimed, ItemChanges{Status: new(Failed)}); err != nil {
		return err
	}
	_, err := UpdateItem(ctx, db, claimed.ID, ItemChanges{Status: new(Pending)}, query.Versions{})
	return err
}

// TakeBackItem gives back one item whose lease is over, for the worker that has
// died with it, and returns the item. Without one it returns query.ErrNotFound.
func TakeBackItem(ctx context.Context, db *gorm.DB) (Item, error) {
	item, err := query.Claim[Item](ctx, db.Where("status = ? AND lease_until < now()", Processing), "lease_until", query.Changes{"status": Failed})
	if err == nil {
		item, err = UpdateItem(ctx, db, item.ID, ItemChanges{Status: new(Pending)}, query.Versions{})
	}
	if err != nil {
		return Item{}, fmt.Errorf("take an item back: %w", err)
	}
	return item, nil
}

func endLease(ctx context.Context, db *gorm.DB, claimed Item, changes ItemChanges) error {
	_, err := UpdateItem(ctx, db.Where("lease_until = ?", claimed.LeaseUntil), claimed.ID, changes, query.Versions{})
	if _, refused := errors.AsType[*query.Conflict](err); refused || errors.Is(err, query.ErrNotFound) {
		return fmt.Errorf("item %d: %w", claimed.ID, ErrLeaseLost)
	}
	return err
}
