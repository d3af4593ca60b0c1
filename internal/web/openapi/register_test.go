package openapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/web"
	"example.com/transcription-api/internal/web/openapi"
)

type level string

func (level) Values() []level { return []level{"low", "high"} }

type newThing struct {
	Name  string   `json:"name" validate:"min=1,loud,short"`
	Level level    `json:"level" default:"low"`
	Size  *float64 `json:"size"`
}

type thing struct {
	ID    int64   `json:"id"`
	Name  string  `json:"name"`
	Level level   `json:"level"`
	Size  float64 `json:"size"`
}

type thingQuery struct {
	Level *level   `query:"level" doc:"Only these."`
	Tags  []string `query:"tag" validate:"required"`
	Limit int      `query:"limit" default:"20" validate:"min=1,max=100"`
}

var api = openapi.API{Title: "Things", Version: "1", License: openapi.License{Name: "MIT"}, Rules: map[string]web.Rule{
	"loud":  {Check: func(text string) string { return unless(strings.ToUpper(text) == text, "must be loud") }, Message: "must be loud", Pattern: `^[^a-z]*$`},
	"short": {Check: func(text string) string { return unless(len(text) < 9, "must be short") }, Message: "must be short", Pattern: `^[^!]*$`},
}}

// endpoint answers with what fn returns, errors as problems.
func endpoint(fn func(*gin.Context) (any, error)) openapi.Endpoint {
	return openapi.Endpoint{Chain: gin.HandlersChain{func(c *gin.Context) {
		value, err := fn(c)
		if problem, ok := err.(*web.Problem); ok {
			problem.Write(c)
		} else if err != nil {
			c.String(http.StatusInternalServerError, err.Error())
		} else {
			c.JSON(http.StatusOK, value)
		}
	}}}
}

func things() []openapi.Route {
	ok := []openapi.Reply{{Status: 200, Body: thing{}, Headers: "ETag"}}
	create := endpoint(func(c *gin.Context) (any, error) { return web.BindJSON[newThing](c) })
	create.Transactional = true
	return []openapi.Route{
		{Method: "POST", Path: "/things", Name: "create", Serve: create, Body: newThing{}, Replies: ok},
		{Method: "GET", Path: "/things", Name: "list", Serve: endpoint(func(c *gin.Context) (any, error) { return web.BindQuery[thingQuery](c) }), Query: thingQuery{}, Replies: ok},
		{Method: "GET", Path: "/things/:id", Name: "get", Serve: endpoint(func(c *gin.Context) (any, error) { return web.BindID(c) }), Replies: ok},
		{Method: "PUT", Path: "/things/:id", Name: "put", Serve: endpoint(func(c *gin.Context) (any, error) { return web.BindJSON[thing](c) }), Body: newThing{}, Replies: ok},
	}
}

func register(t *testing.T, a openapi.API, routes ...openapi.Route) (*gin.Engine, *openapi3.T) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	text, err := openapi.Register(engine, a, routes)
	if err != nil {
		t.Fatal(err)
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(text)
	if err == nil {
		err = doc.Validate(loader.Context)
	}
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return engine, doc
}

func TestBind(t *testing.T) {
	t.Parallel()
	engine, _ := register(t, api, things()...)
	for _, row := range []struct{ method, target, body, want string }{
		{"POST", "/things", `{"name":"A"}`, `200 {"name":"A","level":"low","size":null}`},
		{"POST", "/things", `{"name":"a","level":"mid","size":null}`, `422 name must be loud, level must be one of: low, high, size must not be null`},
		{"POST", "/things", `{"name":1,"level":2,"id":3}`, `400 name must be a string, level must be a string, id unknown: allowed are name, level, size`},
		{"POST", "/things", `[]`, `400 The body must be a JSON object.`},
		{"GET", "/things?tag=a&tag=b", "", `200 {"Level":null,"Tags":["a","b"],"Limit":20}`},
		{"GET", "/things?limit=0&level=x", "", `422 level must be one of: low, high, tag is required, limit must be at least 1`},
		{"GET", "/things/7", "", `200 7`},
		{"GET", "/things/x", "", `404 There is nothing with this id.`},
		{"PUT", "/things/7", `{"id":1}`, `500 bind openapi_test.thing: the route /things/:id does not say that it reads this type`},
	} {
		req := httptest.NewRequestWithContext(t.Context(), row.method, row.target, strings.NewReader(row.body))
		req.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		engine.ServeHTTP(answer, req)
		if got := said(t, answer); got != row.want {
			t.Errorf("%s %s %s\n got %s\nwant %s", row.method, row.target, row.body, got, row.want)
		}
	}
}

// said is the status and the body, of a problem what is wrong.
func said(t *testing.T, answer *httptest.ResponseRecorder) string {
	t.Helper()
	body := answer.Body.String()
	if answer.Header().Get("Content-Type") == "application/problem+json" {
		var problem web.Problem
		if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil {
			t.Fatal(err)
		}
		var faults []string
		for _, fault := range problem.Errors {
			faults = append(faults, fault.Field+" "+fault.Message)
		}
		if body = strings.Join(faults, ", "); body == "" {
			body = problem.Detail
		}
	}
	status, err := json.Marshal(answer.Code)
	if err != nil {
		t.Fatal(err)
	}
	return string(status) + " " + body
}

func TestDocument(t *testing.T) {
	t.Parallel()
	_, doc := register(t, api, things()...)
	name := doc.Components.Schemas["NewThing"].Value.Properties["name"].Value
	if name.Pattern != `^[^a-z]*$` || name.AllOf != nil || name.Description != "Must be loud. Must be short." {
		t.Errorf("two rules with patterns: %q, allOf %v, %q", name.Pattern, name.AllOf, name.Description)
	}
	list := doc.Paths.Value("/things").Get
	for _, want := range []struct {
		name     string
		required bool
		ref      string
	}{{"level", false, "#/components/schemas/Level"}, {"tag", true, ""}, {"limit", false, ""}} {
		p := list.Parameters.GetByInAndName("query", want.name)
		if p == nil || p.Required != want.required || p.Schema.Ref != want.ref {
			t.Errorf("parameter %s: %+v", want.name, p)
		}
	}
	if ref := doc.Components.Schemas["NewThing"].Value.Properties["level"].Ref; ref != "#/components/schemas/Level" {
		t.Errorf("the enum in a body is %q", ref)
	}
	for path, entry := range doc.Paths.Map() {
		if entry.Head == nil {
			continue
		}
		for status, response := range entry.Head.Responses.Map() {
			if response.Value.Content != nil || response.Value.Headers["X-Request-ID"] == nil {
				t.Errorf("HEAD %s %s has content, or no headers", path, status)
			}
		}
	}
}

// TestNoUnusedComponents: linters complain of them, generators make code of them.
func TestNoUnusedComponents(t *testing.T) {
	t.Parallel()
	for _, routes := range [][]openapi.Route{nil, things()[2:3], things()} {
		_, doc := register(t, api, routes...)
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		var parts struct {
			Components map[string]map[string]any
		}
		if err := json.Unmarshal(text, &parts); err != nil {
			t.Fatal(err)
		}
		for kind, components := range parts.Components {
			for name := range components {
				if kind != "securitySchemes" && !strings.Contains(string(text), `"#/components/`+kind+`/`+name+`"`) {
					t.Errorf("of %d routes none uses %s/%s", len(routes), kind, name)
				}
			}
		}
	}
}

func TestSecurity(t *testing.T) {
	t.Parallel()
	for _, keys := range []bool{true, false} {
		a := api
		a.Keys = keys
		_, doc := register(t, a, things()...)
		create, list := doc.Paths.Value("/things").Post.Security, doc.Paths.Value("/things").Get.Security
		if (len(*create) == 1) != keys || len(*list) != 0 || (doc.Components.SecuritySchemes["bearer"] != nil) != keys {
			t.Errorf("keys %v: %v and %v", keys, create, list)
		}
	}
}

// TestStartRefuses holds that a route's error is one line that names type and field.
func TestStartRefuses(t *testing.T) {
	t.Parallel()
	type bad struct {
		Hook chan int `json:"hook" query:"hook"`
	}
	for what, route := range map[string]openapi.Route{
		"body": {Body: bad{}}, "query": {Query: bad{}}, "answer": {Replies: []openapi.Reply{{Status: 200, Body: []bad{}}}},
	} {
		route.Method, route.Path = "POST", "/bad"
		_, err := openapi.Register(gin.New(), api, []openapi.Route{route})
		if want := "POST /bad: type openapi_test.bad, field Hook: chan int is not supported"; err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	if _, err := openapi.Register(gin.New(), openapi.API{Rules: map[string]web.Rule{"blank": {Check: func(string) string { return "" }, Message: "must be blank", Pattern: `^\s*$`}}}, nil); err == nil {
		t.Error("a pattern that means other things elsewhere is taken")
	}
}

func unless(allowed bool, fault string) string {
	if allowed {
		return ""
	}
	return fault
}
