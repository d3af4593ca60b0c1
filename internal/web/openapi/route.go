package openapi

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/web"
)

// API is what the document says beyond its routes.
type API struct {
	Title, Version, Description string
	Contact                     Contact
	License                     License
	Tags                        []Tag
	Rules                       map[string]web.Rule // for `validate` tags
	Keys                        bool                // transactional routes need one
}

// Contact is whom a client's developers ask.
type Contact struct {
	Name  string `json:"name"`
	URL   string `json:"url,omitzero"`
	Email string `json:"email,omitzero"`
}

// License is what the API may be used under.
type License struct {
	Name string `json:"name"`
	URL  string `json:"url,omitzero"`
}

// Tag is a group of routes.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Route is a route as it serves and as the document describes it.
type Route struct {
	Method, Path  string
	Name, Summary string // operationId; what the reader sees
	About         string // what the summary leaves out; empty: it is all there is to say
	Tag           string // empty: the first part of the path
	Serve         Endpoint
	Query, Body   any       // zero values of what BindQuery and BindJSON read, or nil
	Examples      []Example // of the body, where those of its members make no sensible whole
	Condition     string    // If-Match or If-None-Match
	Idempotent    bool      // heeds Idempotency-Key
	Replies       []Reply
	Fails         []int // errors that do not follow from the rest
}

// Endpoint is a route's chain of handlers. A transactional one has a session,
// and needs a key if any is set.
type Endpoint struct {
	Chain         gin.HandlersChain
	Transactional bool
}

// Reply is an answer that is no problem. Its media types are JSON unless said otherwise.
type Reply struct {
	Status  int
	Body    any
	Media   string // separated by spaces
	Headers string // likewise; with a ? those that may be missing
}

// Example is a named body.
type Example struct{ Name, Summary, Body string }

// Register adds the routes to the engine and returns the document that
// describes them. The error names a type and field that can not be bound or described.
func Register(engine *gin.Engine, api API, routes []Route) ([]byte, error) {
	types, err := web.NewTypes(api.Rules)
	if err != nil {
		return nil, err
	}
	d := &document{types: types, api: api, used: map[string]bool{}}
	for _, r := range routes { // answers first: where a type is both, the request's has the longer name
		for _, reply := range r.Replies {
			if _, err := d.reply(reply); err != nil {
				return nil, fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
			}
		}
	}
	for _, r := range routes {
		chain, err := d.add(r)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
		}
		for _, method := range r.methods() {
			engine.Handle(method, r.Path, chain...)
		}
	}
	return web.Marshal(d.whole())
}

// add describes a route. It returns the handlers, which may bind what is described.
func (d *document) add(r Route) (gin.HandlersChain, error) {
	var body, query *web.Schema
	var err error
	if r.Body != nil {
		if body, err = d.types.Request(r.Body); err != nil {
			return nil, err
		}
	}
	if r.Query != nil {
		if query, err = d.types.Query(r.Query); err != nil {
			return nil, err
		}
	}
	d.describe(r, body, query)
	if body == nil && query == nil {
		return r.Serve.Chain, nil
	}
	return append(gin.HandlersChain{web.Expect(body, query)}, r.Serve.Chain...), nil
}

// about is the operation's description. Readers' tools complain of one without.
func (r Route) about() string {
	if r.About == "" {
		return r.Summary + "."
	}
	return r.About
}

// methods adds HEAD to GET: net/http leaves the body out.
func (r Route) methods() []string {
	if r.Method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{r.Method}
}

// DocPath turns Gin's /notes/:id into /notes/{id}.
func DocPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name := parameter(part); name != "" {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

// parameter is the name of a part of a path that is one.
func parameter(part string) string {
	if strings.HasPrefix(part, ":") || strings.HasPrefix(part, "*") {
		return part[1:]
	}
	return ""
}
