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

// Item is one recording to transcribe. Pointers are columns that may be NULL.
type Item struct {
	ID              int64      `gorm:"primaryKey"`
	Title           string     `gorm:"not null"`
	AudioURL        string     `gorm:"not null"`
	Language        string     `gorm:"not null;default:en"`
	Status          ItemStatus `gorm:"not null;default:pending"`
	Transcript      *string
	DurationSeconds *float64 `gorm:"type:double precision"`
	Error           *string
	LeaseUntil      *time.Time // of a worker's claim; only item_work.go sets it, and the table's trigger ends it
	Attempts        int32      `gorm:"not null;default:0"` // of workers; item_work.go counts them, and the table's trigger begins anew
	RetryAt         *time.Time // no worker begins before
	Version         int64      `gorm:"not null;default:1"` // set by the table's trigger
	CreatedAt       time.Time  `gorm:"not null;default:now();autoCreateTime:false"`
	UpdatedAt       time.Time  `gorm:"not null;default:now();autoUpdateTime:false"` // set by the table's trigger
}

// ItemChanges says which columns an update sets: those that are not nil. The
// inner nil of the columns that may be NULL clears them.
type ItemChanges struct {
	Title           *string
	Language        *string
	Status          *ItemStatus
	Transcript      **string
	DurationSeconds **float64
	Error           **string
}

func (c ItemChanges) columns() query.Changes {
	if c.Language != nil {
		c.Language = new(CanonicalLanguage(*c.Language))
	}
	set := query.Changes{}
	query.Set(set, "title", c.Title)
	query.Set(set, "language", c.Language)
	query.Set(set, "status", c.Status)
	query.Set(set, "transcript", c.Transcript)
	query.Set(set, "duration_seconds", c.DurationSeconds)
	query.Set(set, "error", c.Error)
	return set
}

// ItemFilter selects a page of items. Zero values select all.
type ItemFilter struct {
	Status   ItemStatus
	Language string
	After    *ItemKey // where the page before ended
	Limit    int
}

// ItemKey is an item's place in the order of ListItems.
type ItemKey = query.Key[time.Time]

// CreateItem inserts the item and fills in what the database sets.
func CreateItem(ctx context.Context, db *gorm.DB, item *Item) error {
	item.Language = CanonicalLanguage(item.Language)
	return query.Create(ctx, db, item)
}

// FindItem returns the item with the given id, or query.ErrNotFound.
func FindItem(ctx context.Context, db *gorm.DB, id int64) (Item, error) {
	return query.Find[Item](ctx, db, id)
}

// ListItems returns the next items, newest first, and where the next page goes
// on, or nil. It leaves out what can be long and what only workers need.
func ListItems(ctx context.Context, db *gorm.DB, filter ItemFilter) (items []Item, next *ItemKey, err error) {
	db = db.Omit("transcript", "lease_until", "attempts", "retry_at")
	if filter.Status != "" {
		db = db.Where("status = ?", filter.Status)
	}
	if filter.Language != "" {
		db = db.Where("language = ?", CanonicalLanguage(filter.Language))
	}
	return query.Page[Item](ctx, db, "created_at", filter.After, filter.Limit)
}

// UpdateItem makes the changes and returns the item as it then is. Of two
// callers that make the same move at once exactly one succeeds. Errors: those of
// query.Update, and a query.Conflict for a move that is not allowed.
func UpdateItem(ctx context.Context, db *gorm.DB, id int64, changes ItemChanges, at query.Versions) (Item, error) {
	if changes.Status != nil {
		db = db.Where("status IN ?", changes.Status.before())
	}
	item, err := query.Update[Item](ctx, db, id, changes.columns(), at)
	if errors.Is(err, query.ErrUnmet) {
		err = &query.Conflict{Reason: fmt.Sprintf("status may not change from %s to %s", item.Status, *changes.Status)}
	}
	return item, err
}

// DeleteItem removes the item. Errors: those of query.Delete.
func DeleteItem(ctx context.Context, db *gorm.DB, id int64, at query.Versions) error {
	return query.Delete[Item](ctx, db, id, at)
}

// ItemStatus is where an item stands on its way to a transcript.
type ItemStatus string

// The statuses of an item.
const (
	Pending    ItemStatus = "pending"
	Processing ItemStatus = "processing"
	Processed  ItemStatus = "processed"
	Failed     ItemStatus = "failed"
)

// Values is for those who check or describe a status.
func (ItemStatus) Values() []ItemStatus { return []ItemStatus{Pending, Processing, Processed, Failed} }

// before returns the statuses from which an item may move to s. Staying where
// it is is no move: that is how one of two workers learns that it came second.
func (s ItemStatus) before() []ItemStatus {
	switch s {
	case Processing:
		return []ItemStatus{Pending}
	case Processed, Failed:
		return []ItemStatus{Processing}
	case Pending:
		return []ItemStatus{Failed}
	default:
		return nil
	}
}

// CanonicalLanguage writes a BCP 47 tag in its usual case, as RFC 5646, section
// 2.1.1, has it: pt-BR, zh-Hant-TW. Tags have no case; stored in one, equal
// ones are found together.
func CanonicalLanguage(tag string) string {
	parts := strings.Split(strings.ToLower(tag), "-")
	for i, part := range parts {
		switch {
		case len(part) == 1: // what follows, an extension or private use, is in lower case
			return strings.Join(parts, "-")
		case i > 0 && len(part) == 2:
			parts[i] = strings.ToUpper(part)
		case i > 0 && len(part) == 4:
			parts[i] = strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.Join(parts, "-")
}
