package handlers_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/handlers"
	"example.com/transcription-api/internal/web/webtest"
)

// TestDocumentHasEveryStatus: what each operation may answer, written out by hand. Many of these (408, 503, 504)
// need a scenario that is not played under Conform.
func TestDocumentHasEveryStatus(t *testing.T) {
	t.Parallel()
	answer := httptest.NewRecorder()
	webtest.Unserved(t, handlers.New).ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi.json", nil))
	var document struct {
		Paths map[string]map[string]struct{ Responses map[string]any }
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for path, operations := range document.Paths {
		for method, operation := range operations {
			if method != "head" { // has those of get
				got[method+" "+path] = strings.Join(slices.Sorted(maps.Keys(operation.Responses)), " ")
			}
		}
	}
	want := map[string]string{
		"post /items":        "201 400 401 403 408 409 413 415 422 500 503 504",
		"get /items":         "200 401 413 422 500 503 504",
		"get /items/{id}":    "200 304 401 404 413 500 503 504",
		"patch /items/{id}":  "200 400 401 403 404 408 409 412 413 415 422 500 503 504",
		"delete /items/{id}": "204 401 403 404 412 413 500 503 504",
		"get /health/live":   "200 413 500",
		"get /health/ready":  "200 413 500 503",
		"get /health/db":     "200 413 500 503",
		"get /openapi.json":  "200 304 413 500",
		"get /docs":          "200 304 413 500",
		"get /docs/{file}":   "200 304 404 413 500",
	}
	maps.DeleteFunc(got, func(operation, _ string) bool { // another resource's
		return want[operation] == "" && !strings.Contains(operation, " /items")
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
