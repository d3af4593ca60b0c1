package handlers

import (
	"cmp"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"gorm.io/gorm"
)

// route is one line of the table in routes.go.
type route struct {
	method, path  string
	name, summary string // operationId; what the reader sees
	serve         endpoint
	query, body   any       // zero values of what bindQuery and bindJSON read, or nil
	examples      []example // of the body, where those of its members make no sensible whole
	condition     string    // If-Match or If-None-Match
	idempotent    bool      // heeds Idempotency-Key; only for a transactional route
	replies       []reply
	fails         []int // errors that do not follow from the rest
}

// endpoint is a route's chain of handlers. A transactional one needs a key and
// has a session.
type endpoint struct {
	chain         gin.HandlersChain
	transactional bool
}

type txHandler = func(c *gin.Context, tx *gorm.DB) error

// reply is an answer that is no problem. Its media types are JSON unless said otherwise.
type reply struct {
	status  int
	body    any
	media   string // separated by spaces
	headers string // likewise
}

// example is a named body.
type example struct{ name, summary, body string }

// register adds the routes to the engine, and the document that describes them.
func register(engine *gin.Engine, o Options) error {
	page, err := newDocs()
	if err != nil {
		return err
	}
	var document asset
	table := routes(o, page, func(c *gin.Context) { document.serve(c) })
	text, err := json.Marshal(describe(table))
	if err != nil {
		return err
	}
	if document, err = newAsset("application/json", revalidate, text); err != nil {
		return err
	}
	once := idempotency(cmp.Or(o.IdempotencyTTL, defaultTTL))
	for _, r := range table {
		for _, method := range r.methods() {
			engine.Handle(method, r.path, r.chain(once)...)
		}
	}
	return nil
}

// chain is what serves the route; once is what an idempotent one has before its
// handler, after the session's middleware.
func (r route) chain(once gin.HandlerFunc) gin.HandlersChain {
	if !r.idempotent {
		return r.serve.chain
	}
	if !r.serve.transactional || r.method == http.MethodGet {
		panic("the route " + r.name + " is idempotent without a session that writes")
	}
	return slices.Insert(slices.Clone(r.serve.chain), len(r.serve.chain)-1, once)
}

// methods adds HEAD to GET: net/http leaves the body out.
func (r route) methods() []string {
	if r.method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{r.method}
}

// describe returns the OpenAPI document of the routes.
func describe(table []route) object {
	types := &schemas{}
	var paths object
	for _, r := range table {
		item, _ := paths.get(docPath(r.path)).(object)
		for _, method := range r.methods() {
			item.set(strings.ToLower(method), r.operation(types, method == http.MethodHead))
		}
		paths.set(docPath(r.path), item)
	}
	responses := problems(types)
	return object{
		{"openapi", "3.1.0"},
		{"info", object{
			{"title", "Transcription API"},
			{"version", "1.0.0"},
			{"description", aboutAPI},
		}},
		{"tags", tags},
		{"paths", paths},
		{"components", object{
			{"schemas", types.named},
			{"responses", responses},
			{"parameters", parameters},
			{"headers", headers},
			{"securitySchemes", object{{"bearer", bearer}}},
		}},
	}
}

// docPath turns Gin's /items/:id into /items/{id}.
func docPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

func (r route) operation(types *schemas, head bool) object {
	op := object{{"operationId", r.name}, {"summary", r.summary}, {"tags", []string{r.tag()}}}
	if head {
		op = object{{"operationId", r.name + "Head"}, {"summary", r.summary + " (headers only)"}, {"tags", []string{r.tag()}}}
	}
	if r.serve.transactional {
		// A key is asked for only where API_KEYS is set; {} says that none may do.
		op.set("security", []object{{{"bearer", []string{}}}, {}})
	}
	op.set("parameters", r.parameters(types))
	if r.body != nil {
		op.set("requestBody", r.requestBody(types))
	}
	op.set("responses", r.responses(types))
	return op
}

// tag is the group under which the page shows the route.
func (r route) tag() string {
	switch first := strings.Split(r.path, "/")[1]; first {
	case "docs", "openapi.json":
		return "documents"
	default:
		return first
	}
}

func (r route) parameters(types *schemas) []object {
	list := []object{ref("parameters", "X-Request-ID")}
	for part := range strings.SplitSeq(r.path, "/") {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			list = append(list, ref("parameters", name))
		}
	}
	if r.query != nil {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(r.query)) {
			list = append(list, types.queryParameter(field))
		}
	}
	if r.condition != "" {
		list = append(list, ref("parameters", r.condition))
	}
	if r.idempotent {
		list = append(list, ref("parameters", keyHeader))
	}
	return list
}

func (r route) requestBody(types *schemas) object {
	media := object{{"schema", types.of(reflect.TypeOf(r.body))}}
	if len(r.examples) > 0 {
		var list object
		for _, e := range r.examples {
			list.set(e.name, object{{"summary", e.summary}, {"value", rawJSON(e.body)}})
		}
		media.set("examples", list)
	}
	types.strict(reflect.TypeOf(r.body))
	return object{{"required", true}, {"content", object{{"application/json", media}}}}
}
