package handlers

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/models"
	"example.com/transcription-api/internal/web"
	"example.com/transcription-api/internal/web/openapi"
)

// newItem is the body of POST /items.
type newItem struct {
	Title    string `json:"title" validate:"min=1,max=200,line" example:"Interview"`
	AudioURL string `json:"audio_url" validate:"min=1,maxbytes=2048,audiourl" example:"https://example.com/a.wav"`
	Language string `json:"language" validate:"max=100,language" default:"en"`
}

// itemChanges is the body of PATCH /items/{id}: what it leaves out stays.
type itemChanges struct {
	Title           *string               `json:"title" validate:"min=1,max=200,line"`
	Language        *string               `json:"language" validate:"max=100,language"`
	Status          *models.ItemStatus    `json:"status"`
	Transcript      web.Nullable[string]  `json:"transcript" validate:"max=500000"`
	DurationSeconds web.Nullable[float64] `json:"duration_seconds" validate:"min=0"`
	Error           web.Nullable[string]  `json:"error" validate:"max=2000"`
}

// itemQuery are the parameters of GET /items.
type itemQuery struct {
	Status   models.ItemStatus `query:"status" doc:"Only items with this status."`
	Language string            `query:"language" validate:"max=100,language" doc:"Only items in this language."`
	Limit    int               `query:"limit" validate:"min=1,max=100" default:"20" doc:"The items of a page, at most."`
	Cursor   string            `query:"cursor" doc:"The next_cursor of an earlier page."`
}

// item is what clients get to see of a models.Item.
type item struct {
	ID              int64             `json:"id" validate:"min=1" example:"1"`
	Title           string            `json:"title" example:"Interview"`
	AudioURL        string            `json:"audio_url" example:"https://example.com/a.wav"`
	Language        string            `json:"language" example:"en"`
	Status          models.ItemStatus `json:"status" example:"pending" doc:"Moves from pending to processing, on to processed or failed, and from failed to pending."`
	Transcript      *string           `json:"transcript" example:"null"`
	DurationSeconds *float64          `json:"duration_seconds" validate:"min=0" example:"null"`
	Error           *string           `json:"error" example:"null"`
	CreatedAt       web.Timestamp     `json:"created_at"`
	UpdatedAt       web.Timestamp     `json:"updated_at"`
}

// listedItem is an item of a page, which leaves out what can be long.
type listedItem struct {
	ID              int64             `json:"id" validate:"min=1" example:"1"`
	Title           string            `json:"title" example:"Interview"`
	AudioURL        string            `json:"audio_url" example:"https://example.com/a.wav"`
	Language        string            `json:"language" example:"en"`
	Status          models.ItemStatus `json:"status" example:"pending"`
	DurationSeconds *float64          `json:"duration_seconds" validate:"min=0" example:"null"`
	Error           *string           `json:"error" example:"null"`
	CreatedAt       web.Timestamp     `json:"created_at"`
	UpdatedAt       web.Timestamp     `json:"updated_at"`
}

// itemPage is one page of items; NextCursor is null on the last one.
type itemPage struct {
	Items      []listedItem `json:"items"`
	NextCursor *string      `json:"next_cursor" example:"null" doc:"For the parameter cursor; null on the last page."`
}

func toItem(m models.Item) item {
	return item{
		ID: m.ID, Title: m.Title, AudioURL: m.AudioURL, Language: m.Language, Status: m.Status,
		Transcript: m.Transcript, DurationSeconds: unsigned(m.DurationSeconds), Error: m.Error,
		CreatedAt: web.Timestamp(m.CreatedAt), UpdatedAt: web.Timestamp(m.UpdatedAt),
	}
}

func toListedItem(m models.Item) listedItem {
	return listedItem{
		ID: m.ID, Title: m.Title, AudioURL: m.AudioURL, Language: m.Language, Status: m.Status,
		DurationSeconds: unsigned(m.DurationSeconds), Error: m.Error,
		CreatedAt: web.Timestamp(m.CreatedAt), UpdatedAt: web.Timestamp(m.UpdatedAt),
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
	in, err := web.BindJSON[newItem](c)
	if err != nil {
		return err
	}
	row := models.Item{Title: in.Title, AudioURL: in.AudioURL, Language: in.Language}
	if err := models.CreateItem(c.Request.Context(), tx, &row); err != nil {
		return err
	}
	c.Header("Location", fmt.Sprintf("/items/%d", row.ID))
	respondItem(c, http.StatusCreated, row)
	return nil
}

func listItems(c *gin.Context, tx *gorm.DB) error {
	in, err := web.BindQuery[itemQuery](c)
	if err != nil {
		return err
	}
	after, err := web.ParseCursor[time.Time]("items", in.Cursor)
	if err != nil {
		return err
	}
	filter := models.ItemFilter{Status: in.Status, Language: in.Language, After: after, Limit: in.Limit}
	rows, next, err := models.ListItems(c.Request.Context(), tx, filter)
	if err != nil {
		return err
	}
	cursor, err := web.FormatCursor("items", next)
	if err != nil {
		return err
	}
	page := itemPage{Items: make([]listedItem, 0, len(rows)), NextCursor: cursor}
	for _, row := range rows {
		page.Items = append(page.Items, toListedItem(row))
	}
	web.Respond(c, http.StatusOK, page)
	return nil
}

func getItem(c *gin.Context, tx *gorm.DB) error {
	id, err := web.BindID(c)
	if err != nil {
		return err
	}
	row, err := models.FindItem(c.Request.Context(), tx, id)
	if err != nil {
		return err
	}
	if web.NotModified(c, row.Version) {
		return nil
	}
	respondItem(c, http.StatusOK, row)
	return nil
}

func updateItem(c *gin.Context, tx *gorm.DB) error {
	id, err := web.BindID(c)
	if err != nil {
		return err
	}
	in, err := web.BindJSON[itemChanges](c)
	if err != nil {
		return err
	}
	changes := models.ItemChanges{
		Title: in.Title, Language: in.Language, Status: in.Status,
		Transcript: in.Transcript.Change(), DurationSeconds: in.DurationSeconds.Change(), Error: in.Error.Change(),
	}
	row, err := models.UpdateItem(c.Request.Context(), tx, id, changes, web.Condition(c))
	if err != nil {
		return err
	}
	respondItem(c, http.StatusOK, row)
	return nil
}

func deleteItem(c *gin.Context, tx *gorm.DB) error {
	id, err := web.BindID(c)
	if err != nil {
		return err
	}
	if err := models.DeleteItem(c.Request.Context(), tx, id, web.Condition(c)); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func respondItem(c *gin.Context, status int, row models.Item) {
	web.SetVersion(c, row.Version)
	web.Respond(c, status, toItem(row))
}

// itemMoves are bodies of PATCH /items/{id}.
var itemMoves = []openapi.Example{
	{Name: "claim", Summary: "Claim a pending item", Body: `{"status":"processing"}`},
	{Name: "finish", Summary: "Write the transcript", Body: `{"status":"processed","transcript":"Good morning.","duration_seconds":12.5}`},
	{Name: "fail", Summary: "Give up", Body: `{"status":"failed","error":"The file holds no audio."}`},
	{Name: "retry", Summary: "Try again", Body: `{"status":"pending","error":null}`},
}
