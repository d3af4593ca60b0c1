package handlers

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/handlers/apitest"
)

// unservedAPI is the API without a database, for what needs none.
func unservedAPI(t *testing.T) *gin.Engine {
	t.Helper()
	engine, err := newEngine(Options{
		Log: slog.New(slog.DiscardHandler), State: new(State), RequestTimeout: time.Minute, MaxBodyBytes: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

func loadDocument(t *testing.T, api http.Handler) *apitest.Document {
	t.Helper()
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi.json", nil))
	doc, err := apitest.Load(answer.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDocumentHasEveryRouteAndNoOther(t *testing.T) {
	t.Parallel()
	engine := unservedAPI(t)
	var served []string
	for _, r := range engine.Routes() {
		served = append(served, r.Method+" "+docPath(r.Path))
		if r.Method == http.MethodGet && !slices.ContainsFunc(engine.Routes(), func(h gin.RouteInfo) bool {
			return h.Method == http.MethodHead && h.Path == r.Path
		}) {
			t.Errorf("GET %s has no HEAD", r.Path)
		}
	}
	slices.Sort(served)
	if diff := cmp.Diff(served, loadDocument(t, engine).Operations()); diff != "" {
		t.Errorf("routes (-) and document (+):\n%s", diff)
	}
}

// A rule that the document passes over in silence must not get into a type.
func TestDocumentExpressesEveryRule(t *testing.T) {
	t.Parallel()
	for _, of := range []any{newItem{}, itemChanges{}, itemQuery{}, item{}, healthStatus{}, poolStatus{}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(of)) {
			for rule := range strings.SplitSeq(field.Tag.Get("validate"), ",") {
				name, param, _ := strings.Cut(rule, "=")
				schema := object{{"type", "string"}}
				limit(&schema, name, param)
				if len(schema) < 2 && !slices.Contains([]string{"", "omitnil", "omitempty"}, name) {
					t.Errorf("%T: the rule %s leaves the schema of %s as it was", of, name, field.Name)
				}
			}
		}
	}
}

func TestDocumentKeepsTwoPatterns(t *testing.T) {
	t.Parallel()
	schema := object{{"type", "string"}}
	for rule := range strings.SplitSeq("notblank,nonul,language", ",") {
		limit(&schema, rule, "")
	}
	want := object{
		{"type", "string"},
		{"pattern", patterns["notblank"]},
		{"allOf", []object{{{"pattern", patterns["nonul"]}}, {{"pattern", patterns["language"]}}}},
	}
	if diff := cmp.Diff(want, schema, cmp.AllowUnexported(member{})); diff != "" {
		t.Error(diff)
	}
}
