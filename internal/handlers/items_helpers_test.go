package handlers_test

import (
	"net/http"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/handlers"
	"example.com/transcription-api/internal/web/webtest"
)

const item = `{"title":"Interview","audio_url":"https://example.com/a.wav"}`

// start serves the API; change may alter its settings.
func start(t testing.TB, change ...func(*webtest.Settings)) *webtest.Server {
	t.Helper()
	return webtest.Start(t, handlers.New, change...)
}

// create posts an item and returns its path.
func create(t testing.TB, s *webtest.Server) string {
	t.Helper()
	answer := s.Do(t, "POST", "/items", item)
	if answer.Status != http.StatusCreated {
		t.Fatalf("POST /items: %+v", answer)
	}
	return answer.Header.Get("Location")
}

// rows counts the items that are stored.
func rows(t testing.TB, s *webtest.Server) int {
	t.Helper()
	return dbtest.Ask[int](t, s.Database, "SELECT count(*) FROM items")
}
