package models

import (
	"context"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/query"
)

// Note is a remark on an item.
type Note struct {
	ID        int64  `gorm:"primaryKey"`
	ItemID    int64  `gorm:"not null"`
	Text      string `gorm:"not null"`
	Pinned    bool   `gorm:"not null"`
	DueAt     *time.Time
	Tags      query.Array[string] `gorm:"type:text[];not null;default:'{}'"`
	Priority  int32               `gorm:"not null"`
	Version   int64               `gorm:"not null;default:1"` // set by the table's trigger
	CreatedAt time.Time           `gorm:"not null;default:now();autoCreateTime:false"`
	UpdatedAt time.Time           `gorm:"not null;default:now();autoUpdateTime:false"` // set by the table's trigger
}

// NoteChanges says which columns an update sets: those that are not nil.
type NoteChanges struct {
	Text     *string
	Pinned   *bool
	DueAt    **time.Time
	Tags     *[]string
	Priority *int32
}

// NoteFilter selects a page of notes: with nil, all.
type NoteFilter struct {
	Pinned    *bool
	DueBefore *time.Time
	After     *query.Key[time.Time] // where the page before ended
	Limit     int
}

// CreateNote inserts the note and fills in what the database sets.
func CreateNote(ctx context.Context, db *gorm.DB, note *Note) error {
	return query.Create(ctx, db, note)
}

// FindNote returns the note with the given id, or query.ErrNotFound.
func FindNote(ctx context.Context, db *gorm.DB, id int64) (Note, error) {
	return query.Find[Note](ctx, db, id)
}

// ListNotes returns the next notes, newest first, and where the next page goes on, or nil.
func ListNotes(ctx context.Context, db *gorm.DB, filter NoteFilter) (notes []Note, next *query.Key[time.Time], err error) {
	if filter.Pinned != nil {
		db = db.Where("pinned = ?", *filter.Pinned)
	}
	if filter.DueBefore != nil {
		db = db.Where("due_at < ?", *filter.DueBefore)
	}
	return query.Page[Note](ctx, db, "created_at", filter.After, filter.Limit)
}

// UpdateNote makes the changes and returns the note as it then is.
func UpdateNote(ctx context.Context, db *gorm.DB, id int64, changes NoteChanges, at query.Versions) (Note, error) {
	set := query.Changes{}
	query.Set(set, "text", changes.Text)
	query.Set(set, "pinned", changes.Pinned)
	query.Set(set, "due_at", changes.DueAt)
	query.Set(set, "tags", (*query.Array[string])(changes.Tags))
	query.Set(set, "priority", changes.Priority)
	return query.Update[Note](ctx, db, id, set, at)
}

// DeleteNote removes the note. Errors: those of query.Delete.
func DeleteNote(ctx context.Context, db *gorm.DB, id int64, at query.Versions) error {
	return query.Delete[Note](ctx, db, id, at)
}
