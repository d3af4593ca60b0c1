package handlers

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/models"
)

// newItem is the body of POST /items.
type newItem struct {
	Title    string  `json:"title" validate:"required,max=200,notblank,nonul" example:"Interview"`
	AudioURL string  `json:"audio_url" validate:"required,maxbytes=2048,audiourl" example:"https://example.com/a.wav" doc:"An absolute URL: http, https, s3 or gs, at most 2048 bytes."`
	Language *string `json:"language,omitzero" validate:"omitnil,max=100,language" default:"en" example:"en" doc:"A BCP 47 tag."`
}

// itemChanges is the body of PATCH /items/{id}: what it leaves out stays.
type itemChanges struct {
	Title           *string           `json:"title,omitzero" validate:"omitnil,min=1,max=200,notblank,nonul"`
	Language        *string           `json:"language,omitzero" validate:"omitnil,max=100,language"`
	Status          *models.Status    `json:"status,omitzero" validate:"omitnil,oneof=pending processing processed failed"`
	Transcript      nullable[string]  `json:"transcript,omitzero" validate:"omitnil,max=500000,nonul"`
	DurationSeconds nullable[float64] `json:"duration_seconds,omitzero" validate:"omitnil,min=0"`
	Error           nullable[string]  `json:"error,omitzero" validate:"omitnil,max=2000,nonul"`
}

// itemQuery are the parameters of GET /items.
type itemQuery struct {
	Status   string `query:"status" validate:"omitempty,oneof=pending processing processed failed"`
	Language string `query:"language" validate:"omitempty,max=100,language"`
	Limit    int    `query:"limit" validate:"min=1,max=100" default:"20"`
	Cursor   string `query:"cursor" doc:"The next_cursor of an earlier page."`
}

// item is what clients get to see of a models.Item.
type item struct {
	ID              int64         `json:"id" validate:"min=1" example:"1"`
	Title           string        `json:"title" example:"Interview"`
	AudioURL        string        `json:"audio_url" example:"https://example.com/a.wav"`
	Language        string        `json:"language" example:"en"`
	Status          models.Status `json:"status" example:"pending" doc:"Moves from pending to processing, on to processed or failed, and from failed to pending."`
	Transcript      *string       `json:"transcript" example:"null"`
	DurationSeconds *float64      `json:"duration_seconds" validate:"omitnil,min=0" example:"null"`
	Error           *string       `json:"error" example:"null"`
	CreatedAt       timestamp     `json:"created_at"`
	UpdatedAt       timestamp     `json:"updated_at"`
}

// itemPage is one page of items; NextCursor is null on the last one.
type itemPage struct {
	Items      []item  `json:"items"`
	NextCursor *string `json:"next_cursor" example:"null" doc:"For the parameter cursor; null on the last page."`
}

// timestamp prints UTC with all six digits of PostgreSQL's microseconds, so
// that a row's time has the same bytes in every answer.
type timestamp time.Time

// MarshalText implements encoding.TextMarshaler.
func (t timestamp) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000000Z"), nil
}

func toItem(m models.Item) item {
	return item{
		ID: m.ID, Title: m.Title, AudioURL: m.AudioURL, Language: m.Language, Status: m.Status,
		Transcript: m.Transcript, DurationSeconds: unsigned(m.DurationSeconds), Error: m.Error,
		CreatedAt: timestamp(m.CreatedAt), UpdatedAt: timestamp(m.UpdatedAt),
	}
}

// unsigned makes -0, which is not below 0 and so may be stored, a plain 0.
func unsigned(seconds *float64) *float64 {
	if seconds == nil || *seconds != 0 {
		return seconds
	}
	return new(float64)
}

func createItem(c *gin.Context, tx *gorm.DB) error {
	in, err := bindJSON[newItem](c)
	if err != nil {
		return err
	}
	row := models.Item{Title: in.Title, AudioURL: in.AudioURL}
	if in.Language != nil {
		row.Language = *in.Language
	}
	if err := models.CreateItem(c.Request.Context(), tx, &row); err != nil {
		return err
	}
	c.Header("Location", fmt.Sprintf("/items/%d", row.ID))
	respondItem(c, http.StatusCreated, row)
	return nil
}

func listItems(c *gin.Context, tx *gorm.DB) error {
	in, err := bindQuery[itemQuery](c)
	if err != nil {
		return err
	}
	after, err := parseCursor(in.Cursor)
	if err != nil {
		return err
	}
	filter := models.ItemFilter{Status: models.Status(in.Status), Language: in.Language, After: after, Limit: in.Limit}
	rows, more, err := models.ListItems(c.Request.Context(), tx, filter)
	if err != nil {
		return err
	}
	page := itemPage{Items: []item{}}
	if more {
		last := rows[len(rows)-1]
		cursor := formatCursor(models.ItemKey{CreatedAt: last.CreatedAt, ID: last.ID})
		page.NextCursor = &cursor
	}
	for _, row := range rows {
		page.Items = append(page.Items, toItem(row))
	}
	respond(c, http.StatusOK, page)
	return nil
}

func getItem(c *gin.Context, tx *gorm.DB) error {
	id, err := bindID(c)
	if err != nil {
		return err
	}
	row, err := models.FindItem(c.Request.Context(), tx, id)
	if err != nil {
		return err
	}
	if noneMatch(c, etag(row.Version)) {
		c.Header("ETag", etag(row.Version))
		c.Status(http.StatusNotModified)
		return nil
	}
	respondItem(c, http.StatusOK, row)
	return nil
}

func updateItem(c *gin.Context, tx *gorm.DB) error {
	id, err := bindID(c)
	if err != nil {
		return err
	}
	in, err := bindJSON[itemChanges](c)
	if err != nil {
		return err
	}
	changes := models.ItemChanges{
		Title: in.Title, Language: in.Language, Status: in.Status,
		Transcript: in.Transcript.change(), DurationSeconds: in.DurationSeconds.change(), Error: in.Error.change(),
	}
	row, err := models.UpdateItem(c.Request.Context(), tx, id, changes, ifMatch(c))
	if err != nil {
		return err
	}
	respondItem(c, http.StatusOK, row)
	return nil
}

func deleteItem(c *gin.Context, tx *gorm.DB) error {
	id, err := bindID(c)
	if err != nil {
		return err
	}
	if err := models.DeleteItem(c.Request.Context(), tx, id, ifMatch(c)); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func respondItem(c *gin.Context, status int, row models.Item) {
	c.Header("ETag", etag(row.Version))
	respond(c, status, toItem(row))
}
