package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/transcription-api/internal/handlers"
	"example.com/transcription-api/internal/web/apitest"
	"example.com/transcription-api/internal/web/webtest"
)

// TestDocument: whatever the routes are, they are served and described.
func TestDocument(t *testing.T) {
	t.Parallel()
	api := webtest.Unserved(t, handlers.New)
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi.json", nil))
	document, err := apitest.Load(answer.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if operations := document.Operations(); len(operations) < 12 { // health and documents, by GET and HEAD
		t.Errorf("the document has no more than %v", operations)
	}
}
