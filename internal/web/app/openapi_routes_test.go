package app_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/web/apitest"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/openapi"
	"example.com/transcription-api/internal/web/webtest"
)

func unservedEngine(t *testing.T) *gin.Engine {
	t.Helper()
	return webtest.Unserved(t, func(o app.Options) (http.Handler, error) { return app.NewEngine(o, webtest.Things()) }).(*gin.Engine)
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
	engine := unservedEngine(t)
	var served []string
	for _, r := range engine.Routes() {
		served = append(served, r.Method+" "+openapi.DocPath(r.Path))
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
