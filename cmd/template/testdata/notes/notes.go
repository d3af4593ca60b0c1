package handlers

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/models"
	"example.com/transcription-api/internal/web"
)

type newNote struct {
	ItemID   int64      `json:"item_id" validate:"min=1" example:"1"`
	Text     string     `json:"text" validate:"min=1,max=2000" example:"Listen again"`
	Pinned   bool       `json:"pinned,omitzero"`
	DueAt    *time.Time `json:"due_at"`
	Tags     []string   `json:"tags,omitzero" validate:"max=10,unique,dive,min=1,max=50"`
	Priority int32      `json:"priority" validate:"min=1,max=5" default:"3"`
}

type noteChanges struct {
	Text     *string                 `json:"text" validate:"min=1,max=2000"`
	Pinned   *bool                   `json:"pinned"`
	DueAt    web.Nullable[time.Time] `json:"due_at"`
	Tags     *[]string               `json:"tags" validate:"max=10,unique,dive,min=1,max=50"`
	Priority *int32                  `json:"priority" validate:"min=1,max=5"`
}

type noteQuery struct {
	Pinned    *bool      `query:"pinned" doc:"Only notes that are pinned, or that are not."`
	DueBefore *time.Time `query:"due_before" doc:"Only notes that are due before."`
	Limit     int        `query:"limit" validate:"min=1,max=100" default:"20" doc:"The notes of a page, at most."`
	Cursor    string     `query:"cursor" doc:"The next_cursor of an earlier page."`
}

type note struct {
	ID        int64          `json:"id" validate:"min=1" example:"1"`
	ItemID    int64          `json:"item_id" validate:"min=1" example:"1"`
	Text      string         `json:"text" example:"Listen again"`
	Pinned    bool           `json:"pinned"`
	DueAt     *web.Timestamp `json:"due_at" example:"null"`
	Tags      []string       `json:"tags"`
	Priority  int32          `json:"priority" example:"3"`
	CreatedAt web.Timestamp  `json:"created_at"`
	UpdatedAt web.Timestamp  `json:"updated_at"`
}

type notePage struct {
	Notes      []note  `json:"notes"`
	NextCursor *string `json:"next_cursor" example:"null" doc:"For the parameter cursor; null on the last page."`
}

func toNote(m models.Note) note {
	return note{
		ID: m.ID, ItemID: m.ItemID, Text: m.Text, Pinned: m.Pinned, DueAt: (*web.Timestamp)(m.DueAt), Tags: m.Tags,
		Priority: m.Priority, CreatedAt: web.Timestamp(m.CreatedAt), UpdatedAt: web.Timestamp(m.UpdatedAt),
	}
}

func createNote(c *gin.Context, tx *gorm.DB) error {
	in, err := web.BindJSON[newNote](c)
	if err != nil {
		return err
	}
	row := models.Note{ItemID: in.ItemID, Text: in.Text, Pinned: in.Pinned, DueAt: in.DueAt, Tags: in.Tags, Priority: in.Priority}
	if err := models.CreateNote(c.Request.Context(), tx, &row); err != nil {
		return err
	}
	c.Header("Location", fmt.Sprintf("/notes/%d", row.ID))
	return respondNote(c, http.StatusCreated, row)
}

func listNotes(c *gin.Context, tx *gorm.DB) error {
	in, err := web.BindQuery[noteQuery](c)
	if err != nil {
		return err
	}
	after, err := web.ParseCursor[time.Time]("notes", in.Cursor)
	if err != nil {
		return err
	}
	filter := models.NoteFilter{Pinned: in.Pinned, DueBefore: in.DueBefore, After: after, Limit: in.Limit}
	rows, next, err := models.ListNotes(c.Request.Context(), tx, filter)
	if err != nil {
		return err
	}
	cursor, err := web.FormatCursor("notes", next)
	if err != nil {
		return err
	}
	page := notePage{Notes: make([]note, 0, len(rows)), NextCursor: cursor}
	for _, row := range rows {
		page.Notes = append(page.Notes, toNote(row))
	}
	web.Respond(c, http.StatusOK, page)
	return nil
}

func getNote(c *gin.Context, tx *gorm.DB) error {
	id, err := web.BindID(c)
	if err != nil {
		return err
	}
	row, err := models.FindNote(c.Request.Context(), tx, id)
	if err != nil || web.NotModified(c, row.Version) {
		return err
	}
	return respondNote(c, http.StatusOK, row)
}

func updateNote(c *gin.Context, tx *gorm.DB) error {
	id, err := web.BindID(c)
	if err != nil {
		return err
	}
	in, err := web.BindJSON[noteChanges](c)
	if err != nil {
		return err
	}
	changes := models.NoteChanges{Text: in.Text, Pinned: in.Pinned, DueAt: in.DueAt.Change(), Tags: in.Tags, Priority: in.Priority}
	row, err := models.UpdateNote(c.Request.Context(), tx, id, changes, web.Condition(c))
	if err != nil {
		return err
	}
	return respondNote(c, http.StatusOK, row)
}

func deleteNote(c *gin.Context, tx *gorm.DB) error {
	id, err := web.BindID(c)
	if err != nil {
		return err
	}
	if err := models.DeleteNote(c.Request.Context(), tx, id, web.Condition(c)); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func respondNote(c *gin.Context, status int, row models.Note) error {
	web.SetVersion(c, row.Version)
	web.Respond(c, status, toNote(row))
	return nil
}
