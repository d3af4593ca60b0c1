// Package models holds the tables: for each a struct, its rules and its queries,
// as functions of a context and a *gorm.DB, which serve on any session.
// Nothing here knows of HTTP, of the pool or of when a transaction ends.
package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Item is one recording to transcribe. Pointers are columns that may be NULL.
type Item struct {
	ID              int64  `gorm:"primaryKey"`
	Title           string `gorm:"not null"`
	AudioURL        string `gorm:"not null"`
	Language        string `gorm:"not null;default:en"`
	Status          Status `gorm:"not null;default:pending"`
	Transcript      *string
	DurationSeconds *float64 `gorm:"type:double precision"`
	Error           *string
	Version         int64     `gorm:"not null;default:1"` // set by the table's trigger
	CreatedAt       time.Time `gorm:"not null;default:now();autoCreateTime:false"`
	UpdatedAt       time.Time `gorm:"not null;default:now();autoUpdateTime:false"` // set by the table's trigger
}

// ItemChanges says which columns an update sets: those that are not nil. The
// inner nil of the columns that may be NULL clears them.
type ItemChanges struct {
	Title           *string
	Language        *string
	Status          *Status
	Transcript      **string
	DurationSeconds **float64
	Error           **string
}

// columns returns what to set, by column.
func (c ItemChanges) columns() map[string]any {
	set := make(map[string]any)
	add(set, "title", c.Title)
	if c.Language != nil {
		set["language"] = CanonicalLanguage(*c.Language)
	}
	add(set, "status", c.Status)
	add(set, "transcript", c.Transcript)
	add(set, "duration_seconds", c.DurationSeconds)
	add(set, "error", c.Error)
	return set
}

func add[T any](set map[string]any, column string, value *T) {
	if value != nil {
		set[column] = *value
	}
}

// ItemFilter selects a page of items. Zero values select all.
type ItemFilter struct {
	Status   Status
	Language string
	After    *ItemKey // where the page before ended
	Limit    int
}

// ItemKey is an item's place in the order of ListItems.
type ItemKey struct {
	CreatedAt time.Time
	ID        int64
}

// CreateItem inserts the item and fills in what the database sets.
func CreateItem(ctx context.Context, db *gorm.DB, item *Item) error {
	item.Language = CanonicalLanguage(item.Language)
	if err := db.WithContext(ctx).Create(item).Error; err != nil {
		return fmt.Errorf("create item: %w", err)
	}
	return nil
}

// FindItem returns the item with the given id, or ErrNotFound.
func FindItem(ctx context.Context, db *gorm.DB, id int64) (Item, error) {
	var item Item
	err := db.WithContext(ctx).Take(&item, "id = ?", id).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		err = ErrNotFound
	}
	if err != nil {
		return Item{}, fmt.Errorf("find item %d: %w", id, err)
	}
	return item, nil
}

// ListItems returns the next items, newest first and without their transcripts,
// and whether there are more after them.
func ListItems(ctx context.Context, db *gorm.DB, filter ItemFilter) (items []Item, more bool, err error) {
	query := db.WithContext(ctx).Omit("transcript").Scopes(filter.where).Order("created_at DESC, id DESC")
	// The row beyond the page says that there is another.
	if err := query.Limit(filter.Limit + 1).Find(&items).Error; err != nil {
		return nil, false, fmt.Errorf("list items: %w", err)
	}
	if more = len(items) > filter.Limit; more {
		items = items[:filter.Limit]
	}
	return items, more, nil
}

func (f ItemFilter) where(query *gorm.DB) *gorm.DB {
	if f.Status != "" {
		query = query.Where("status = ?", f.Status)
	}
	if f.Language != "" {
		query = query.Where("language = ?", CanonicalLanguage(f.Language))
	}
	if f.After != nil {
		query = query.Where("(created_at, id) < (?, ?)", f.After.CreatedAt, f.After.ID)
	}
	return query
}

// UpdateItem makes the changes and returns the item as it then is. One
// statement decides and updates, so that of two callers that make the same move
// at once exactly one succeeds. Errors: ErrNotFound, ErrModified, ErrExcluded,
// *StatusError.
func UpdateItem(ctx context.Context, db *gorm.DB, id int64, changes ItemChanges, at Versions) (Item, error) {
	query := at.where(db.WithContext(ctx).Where("id = ?", id))
	if changes.Status != nil {
		query = query.Where("status IN ?", changes.Status.before())
	}
	var updated []Item
	var err error
	if set := changes.columns(); len(set) > 0 {
		err = query.Model(&updated).Clauses(returning(db, &Item{})).Updates(set).Error
	} else {
		err = query.Find(&updated).Error
	}
	if err == nil && len(updated) == 0 {
		err = refusal(ctx, db, id, changes.Status, at)
	}
	if err != nil {
		return Item{}, fmt.Errorf("update item %d: %w", id, err)
	}
	return updated[0], nil
}

// returning names a model's columns: with RETURNING *, a migration that adds one
// would break the statements whose plans PostgreSQL has cached.
func returning(db *gorm.DB, model any) clause.Returning {
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(model); err != nil {
		panic(err) // a struct whose tags GORM can not read
	}
	columns := make([]clause.Column, len(stmt.Schema.DBNames))
	for i, name := range stmt.Schema.DBNames {
		columns[i] = clause.Column{Name: name}
	}
	return clause.Returning{Columns: columns}
}

// DeleteItem removes the item. Errors: ErrNotFound, ErrModified, ErrExcluded.
func DeleteItem(ctx context.Context, db *gorm.DB, id int64, at Versions) error {
	result := at.where(db.WithContext(ctx).Where("id = ?", id)).Delete(&Item{})
	err := result.Error
	if err == nil && result.RowsAffected == 0 {
		err = refusal(ctx, db, id, nil, at)
	}
	if err != nil {
		return fmt.Errorf("delete item %d: %w", id, err)
	}
	return nil
}

// refusal tells why a statement found no row to change: the row is not there,
// is at another version, or may not make the move.
func refusal(ctx context.Context, db *gorm.DB, id int64, move *Status, at Versions) error {
	item, err := FindItem(ctx, db, id)
	if err == nil {
		err = at.check(item.Version)
	}
	switch {
	case err != nil:
		return err
	case move == nil:
		return ErrModified // and back again, since the statement
	default:
		return &StatusError{From: item.Status, To: *move}
	}
}
