// Package contender holds the programs that the service is measured against.
// They answer the same on the same requests, as far as the load goes, and do
// nothing else: no check of what comes in, no ETag, no metrics, no time-outs.
package contender

import (
	"encoding/base64"
	"fmt"
	"time"
)

// pageSize is how many items GET /items returns.
const pageSize = 20

// row is an item, for PostgreSQL and for JSON. Its table is the service's.
type row struct {
	ID              int64    `json:"id" gorm:"primaryKey"`
	Title           string   `json:"title"`
	AudioURL        string   `json:"audio_url"`
	Language        string   `json:"language" gorm:"default:en"`
	Status          string   `json:"status" gorm:"default:pending"`
	Transcript      *string  `json:"transcript"`
	DurationSeconds *float64 `json:"duration_seconds"`
	Error           *string  `json:"error"`
	CreatedAt       instant  `json:"created_at" gorm:"type:timestamptz;default:now()"`
	UpdatedAt       instant  `json:"updated_at" gorm:"type:timestamptz;default:now()"`
}

// TableName implements GORM's schema.Tabler.
func (row) TableName() string { return "items" }

// listed is an item of a page.
type listed struct {
	ID              int64    `json:"id"`
	Title           string   `json:"title"`
	AudioURL        string   `json:"audio_url"`
	Language        string   `json:"language"`
	Status          string   `json:"status"`
	DurationSeconds *float64 `json:"duration_seconds"`
	Error           *string  `json:"error"`
	CreatedAt       instant  `json:"created_at"`
	UpdatedAt       instant  `json:"updated_at"`
}

type page struct {
	Items      []listed `json:"items"`
	NextCursor *string  `json:"next_cursor"`
}

// newPage makes a page of what was read: one item more says that there is another.
func newPage(items []listed) page {
	if len(items) <= pageSize {
		return page{Items: items}
	}
	items = items[:pageSize]
	last := items[pageSize-1]
	cursor := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d", time.Time(last.CreatedAt).UnixMicro(), last.ID))
	return page{Items: items, NextCursor: &cursor}
}

type newItem struct {
	Title    string `json:"title"`
	AudioURL string `json:"audio_url"`
	Language string `json:"language"`
}

type changes struct {
	Title string `json:"title"`
}

// instant is written as the service writes it: UTC with all six digits.
type instant time.Time

// MarshalJSON implements json.Marshaler.
func (i instant) MarshalJSON() ([]byte, error) {
	return time.Time(i).UTC().AppendFormat(make([]byte, 0, 32), `"2006-01-02T15:04:05.000000Z07:00"`), nil
}

// Scan implements sql.Scanner.
func (i *instant) Scan(value any) error {
	t, ok := value.(time.Time)
	if !ok {
		return fmt.Errorf("a time from %T", value)
	}
	*i = instant(t)
	return nil
}
