package webtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/query"
	"example.com/transcription-api/internal/web"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/openapi"
)

// Body is one of a thing that can be created.
const Body = `{"title":"Interview","link":"https://example.com/a.wav"}`

// Things is an API of one resource.
func Things() app.API {
	return app.API{
		Routes: thingRoutes,
		API: openapi.API{
			Title: "Things", Version: "1.0.0", Description: "A resource of the tests.",
			Tags: []openapi.Tag{{Name: "things", Description: "Things"}},
		},
	}
}

// New serves Things.
func New(o app.Options) (http.Handler, error) { return app.New(o, Things()) }

func thingRoutes(tx app.Tx) []openapi.Route {
	one := []openapi.Reply{{Status: 200, Body: thing{}, Headers: "ETag"}}
	return []openapi.Route{
		{
			Method: "POST", Path: "/things", Name: "createThing", Summary: "Create a thing", Serve: tx(createThing), Idempotent: true,
			Body: newThing{}, Replies: []openapi.Reply{{Status: 201, Body: thing{}, Headers: "Location ETag"}}, Fails: []int{409},
		},
		{
			Method: "GET", Path: "/things", Name: "listThings", Summary: "List things", Serve: tx(listThings),
			Query: thingQuery{}, Replies: []openapi.Reply{{Status: 200, Body: thingPage{}}},
		},
		{
			Method: "GET", Path: "/things/:id", Name: "getThing", Summary: "Fetch a thing", Serve: tx(getThing),
			Condition: "If-None-Match", Replies: one,
		},
		{
			Method: "PATCH", Path: "/things/:id", Name: "updateThing", Summary: "Change a thing", Serve: tx(updateThing),
			Body: thingChanges{}, Condition: "If-Match", Replies: one, Fails: []int{409},
		},
		{
			Method: "DELETE", Path: "/things/:id", Name: "deleteThing", Summary: "Delete a thing", Serve: tx(deleteThing),
			Condition: "If-Match", Replies: []openapi.Reply{{Status: 204}},
		},
	}
}

// row is one of test_things.
type row struct {
	ID        int64 `gorm:"primaryKey"`
	Title     string
	Link      string
	Status    string `gorm:"default:pending"`
	Note      *string
	Version   int64     `gorm:"default:1"`
	CreatedAt time.Time `gorm:"default:now();autoCreateTime:false"`
	UpdatedAt time.Time `gorm:"default:now();autoUpdateTime:false"`
}

// TableName implements gorm's Tabler.
func (row) TableName() string { return "test_things" }

type newThing struct {
	Title string `json:"title" validate:"min=1,max=200" example:"Interview"`
	Link  string `json:"link" validate:"min=1" example:"https://example.com/a.wav"`
}

type thingChanges struct {
	Title  *string              `json:"title" validate:"min=1,max=200"`
	Status *string              `json:"status" validate:"oneof=pending processing processed"`
	Note   web.Nullable[string] `json:"note"`
}

type thingQuery struct {
	Status string `query:"status"`
	Limit  int    `query:"limit" validate:"min=1,max=100" default:"20"`
	Cursor string `query:"cursor"`
}

type thing struct {
	ID        int64         `json:"id"`
	Title     string        `json:"title"`
	Link      string        `json:"link"`
	Status    string        `json:"status"`
	Note      *string       `json:"note"`
	CreatedAt web.Timestamp `json:"created_at"`
	UpdatedAt web.Timestamp `json:"updated_at"`
}

type thingPage struct {
	Things     []thing `json:"things"`
	NextCursor *string `json:"next_cursor"`
}

func toThing(r row) thing {
	return thing{r.ID, r.Title, r.Link, r.Status, r.Note, web.Timestamp(r.CreatedAt), web.Timestamp(r.UpdatedAt)}
}

func respondThing(c *gin.Context, status int, r row) error {
	web.SetVersion(c, r.Version)
	web.Respond(c, status, toThing(r))
	return nil
}

func createThing(c *gin.Context, tx *gorm.DB) error {
	in, err := web.BindJSON[newThing](c)
	if err != nil {
		return err
	}
	r := row{Title: in.Title, Link: in.Link}
	if err := tx.WithContext(c.Request.Context()).Create(&r).Error; err != nil {
		return err
	}
	c.Header("Location", fmt.Sprintf("/things/%d", r.ID))
	return respondThing(c, http.StatusCreated, r)
}

func listThings(c *gin.Context, tx *gorm.DB) error {
	in, err := web.BindQuery[thingQuery](c)
	if err != nil {
		return err
	}
	after, err := web.ParseCursor[time.Time]("things", in.Cursor)
	if err != nil {
		return err
	}
	if in.Status != "" {
		tx = tx.Where("status = ?", in.Status)
	}
	rows, next, err := query.Page[row](c.Request.Context(), tx, "created_at", after, in.Limit)
	if err != nil {
		return err
	}
	cursor, err := web.FormatCursor("things", next)
	if err != nil {
		return err
	}
	page := thingPage{Things: make([]thing, 0, len(rows)), NextCursor: cursor}
	for _, r := range rows {
		page.Things = append(page.Things, toThing(r))
	}
	web.Respond(c, http.StatusOK, page)
	return nil
}

func getThing(c *gin.Context, tx *gorm.DB) error {
	id, err := web.BindID(c)
	if err != nil {
		return err
	}
	r, err := query.Find[row](c.Request.Context(), tx, id)
	if err != nil || web.NotModified(c, r.Version) {
		return err
	}
	return respondThing(c, http.StatusOK, r)
}

func updateThing(c *gin.Context, tx *gorm.DB) error {
	id, err := web.BindID(c)
	if err != nil {
		return err
	}
	in, err := web.BindJSON[thingChanges](c)
	if err != nil {
		return err
	}
	r, err := update(c.Request.Context(), tx, id, in, web.Condition(c))
	if err != nil {
		return err
	}
	return respondThing(c, http.StatusOK, r)
}

// before is from where a status may be reached.
var before = map[string]string{"processing": "pending", "processed": "processing"}

// update moves the status one step on.
func update(ctx context.Context, tx *gorm.DB, id int64, in thingChanges, at query.Versions) (row, error) {
	set := query.Changes{}
	query.Set(set, "title", in.Title)
	query.Set(set, "status", in.Status)
	query.Set(set, "note", in.Note.Change())
	if in.Status != nil {
		tx = tx.Where("status = ?", before[*in.Status])
	}
	r, err := query.Update[row](ctx, tx, id, set, at)
	if errors.Is(err, query.ErrUnmet) {
		err = &query.Conflict{Reason: "it is " + r.Status}
	}
	return r, err
}

func deleteThing(c *gin.Context, tx *gorm.DB) error {
	id, err := web.BindID(c)
	if err != nil {
		return err
	}
	if err := query.Delete[row](c.Request.Context(), tx, id, web.Condition(c)); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
