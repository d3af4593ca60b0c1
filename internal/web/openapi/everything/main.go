// Command everything prints the document of an API with every type and rule that
// a service can use, for generators and linters to read: make test-clients.
package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/web"
	"example.com/transcription-api/internal/web/openapi"
)

type colour string

func (colour) Values() []colour { return []colour{"red", "green"} }

type page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

type part struct {
	Name string `json:"name" validate:"min=1"`
	Kind string `json:"kind" validate:"oneof=old new"`
}

type numbers struct {
	I8    int8                   `json:"i8"`
	I16   int16                  `json:"i16" validate:"gt=0"`
	I32   int32                  `json:"i32" validate:"min=1,max=9"`
	I64   int64                  `json:"i64" validate:"gt=0,lt=100"`
	U8    uint8                  `json:"u8"`
	U32   uint32                 `json:"u32"`
	U64   uint64                 `json:"u64"`
	F32   float32                `json:"f32" validate:"gt=0"`
	F64   float64                `json:"f64" validate:"gt=0,lt=1" example:"0.5"`
	Maybe web.Nullable[float64]  `json:"maybe" validate:"gt=0,lt=100"`
	Count web.Nullable[int32]    `json:"count" validate:"min=1"`
	Rates map[string]float32     `json:"rates" validate:"max=3,dive,min=0"`
	Flags []bool                 `json:"flags" validate:"max=3"`
	Named web.Nullable[[]colour] `json:"named"`
}

type texts struct {
	Plain  string                        `json:"plain" validate:"required,maxbytes=10"`
	Both   string                        `json:"both" validate:"min=1,max=9,loud,short"`
	Tail   *string                       `json:"tail" validate:"short,loud"`
	Nulled web.Nullable[string]          `json:"nulled" validate:"max=9,loud,short"`
	Kind   string                        `json:"kind" validate:"oneof=old new" default:"new"`
	Past   *string                       `json:"past" validate:"oneof=old"`
	Gone   web.Nullable[string]          `json:"gone" validate:"oneof=old new"`
	Tags   []string                      `json:"tags" validate:"max=3,unique,dive,max=9,loud,short"`
	Kinds  []string                      `json:"kinds" validate:"dive,oneof=a b"`
	Colour colour                        `json:"colour" default:"red"`
	Other  web.Nullable[colour]          `json:"other"`
	Day    web.Date                      `json:"day"`
	Never  web.Nullable[web.Date]        `json:"never"`
	At     time.Time                     `json:"at"`
	Addr   netip.Addr                    `json:"addr"`
	Bytes  []byte                        `json:"bytes"`
	Raw    json.RawMessage               `json:"raw"`
	Any    any                           `json:"any"`
	Part   part                          `json:"part"`
	Parts  map[string]part               `json:"parts"`
	Maybe  web.Nullable[part]            `json:"maybe"`
	Bag    web.Nullable[map[string]part] `json:"bag"`
}

type answer struct {
	Numbers numbers       `json:"numbers"`
	Colour  *colour       `json:"colour"`
	Kind    *string       `json:"kind" validate:"oneof=old new"`
	Part    *part         `json:"part"`
	Pages   page[part]    `json:"pages"`
	Lists   page[[]part]  `json:"lists"`
	Left    *int          `json:"left,omitzero"`
	At      web.Timestamp `json:"at"`
}

type query struct {
	Colour colour   `query:"colour" doc:"Of this colour."`
	Kinds  []string `query:"kind" validate:"max=2,dive,oneof=old new" doc:"Of these kinds."`
	Above  float64  `query:"above" validate:"gt=0" doc:"More than this."`
	Since  web.Date `query:"since" doc:"Not before."`
	Limit  int32    `query:"limit" default:"20" validate:"min=1,max=100" doc:"At most so many."`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "everything:", err)
		os.Exit(1)
	}
}

func run() error {
	gin.SetMode(gin.ReleaseMode)
	document, err := openapi.Register(gin.New(), about, routes())
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(document)
	return err
}

var about = openapi.API{
	Title: "Everything", Version: "1.0.0", Description: "Every type and rule.",
	Contact: openapi.Contact{Name: "Nobody", URL: "https://example.com", Email: "nobody@example.com"},
	License: openapi.License{Name: "MIT", URL: "https://opensource.org/license/mit"},
	Tags:    []openapi.Tag{{Name: "things", Description: "All there is"}},
	Rules: map[string]web.Rule{
		"loud":  {Check: func(text string) string { return unless(strings.ToUpper(text) == text, "must be in capitals") }, Message: "must be in capitals", Pattern: `^[^a-z]*$`},
		"short": {Check: func(text string) string { return unless(len(text) < 9, "must be short") }, Message: "must be short", Pattern: `^[^!]{0,8}$`},
	},
	Keys: true,
}

func routes() []openapi.Route {
	ok := []openapi.Reply{{Status: 200, Body: answer{}, Headers: "ETag"}}
	session := openapi.Endpoint{Chain: gin.HandlersChain{func(*gin.Context) {}}, Transactional: true}
	return []openapi.Route{
		{Method: "PUT", Path: "/things/:id/numbers", Name: "putNumbers", Summary: "Numbers", Serve: session, Body: numbers{}, Replies: ok},
		{Method: "POST", Path: "/things", Name: "postTexts", Summary: "Texts", Serve: session, Idempotent: true, Body: texts{}, Replies: ok},
		{Method: "PATCH", Path: "/things/:id", Name: "patchTexts", Summary: "Texts", Serve: session, Condition: "If-Match", Body: texts{}, Replies: ok},
		{Method: "GET", Path: "/things/:id/parts/:name", Name: "parts", Summary: "Parts", Serve: session, Query: query{}, Condition: "If-None-Match", Replies: ok},
	}
}

func unless(allowed bool, fault string) string {
	if allowed {
		return ""
	}
	return fault
}
