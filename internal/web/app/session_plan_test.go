package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/webtest"
)

// TestSessionTableChangesUnderTheService: clients of the API notice nothing of a migration that changes a column's type.
func TestSessionTableChangesUnderTheService(t *testing.T) {
	t.Parallel()
	a := serve(t, nil, sessionPool(3, 0))
	if got := a.Do(t, http.MethodPost, "/things", webtest.Body); got.Status != http.StatusCreated {
		t.Fatal(got.Status)
	}
	id := a.ask("SELECT max(id) FROM test_things")
	path := fmt.Sprintf("/things/%d", id)
	changed := make(chan struct{})
	var traffic sync.WaitGroup
	for _, request := range []struct{ method, path, body string }{
		{http.MethodGet, path, ""},
		{http.MethodGet, "/things?limit=5", ""},
		{http.MethodGet, "/things?status=pending", ""},
		{http.MethodPost, "/things", webtest.Body},
		{http.MethodPatch, path, `{"title":"b"}`},
		{http.MethodHead, path, ""},
	} {
		traffic.Go(func() {
			for done := false; !done; {
				select {
				case <-changed:
					done = true // one more, after the last change
				default:
				}
				got, err := a.Try(t.Context(), request.method, request.path, strings.NewReader(request.body))
				if err != nil || got.Status >= http.StatusMultipleChoices {
					t.Errorf("%s %s: %d %s %v", request.method, request.path, got.Status, got.Body, err)
				}
			}
		})
	}
	for range 5 {
		for _, change := range []string{
			"ALTER COLUMN title TYPE varchar(300)", "ALTER COLUMN note TYPE varchar(99)", "ADD COLUMN more jsonb",
			"ALTER COLUMN title TYPE text", "ALTER COLUMN note TYPE text", "DROP COLUMN more",
		} {
			dbtest.Exec(t, a.Database, "ALTER TABLE test_things "+change)
		}
	}
	close(changed)
	traffic.Wait()
	for _, line := range a.Log.Lines(t, "request failed") {
		t.Errorf("logged: %v", line["error"])
	}
}

// TestSessionIsNotResetForNothing: what the API itself runs sets nothing, so nothing follows its COMMIT.
func TestSessionIsNotResetForNothing(t *testing.T) {
	t.Parallel()
	a := serve(t, nil, sessionPool(1, 0))
	if got := a.Do(t, http.MethodPost, "/things", webtest.Body); got.Status != http.StatusCreated {
		t.Fatal(got.Status)
	}
	path := fmt.Sprintf("/things/%d", a.ask("SELECT max(id) FROM test_things"))
	for _, request := range []struct{ method, path, body string }{
		{http.MethodPost, "/things", webtest.Body},
		{http.MethodGet, path, ""},
		{http.MethodHead, path, ""},
		{http.MethodGet, "/things", ""},
		{http.MethodGet, "/things?status=pending&limit=1", ""},
		{http.MethodPatch, path, `{"title":"b","status":"processing"}`},
		{http.MethodPatch, path, `{}`},
		{http.MethodDelete, path, ""},
	} {
		if got := a.Do(t, request.method, request.path, request.body); got.Status >= http.StatusMultipleChoices {
			t.Errorf("%s %s: %d", request.method, request.path, got.Status)
		}
		dbtest.Eventually(t, "a reader's COMMIT, which follows its answer", func() bool { return a.DB.Status().CheckedOut == 0 })
		if n := a.ask(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
			AND starts_with(application_name, 'transcription-api ') AND query IN ('commit', 'rollback')`); n != 1 {
			t.Errorf("%s %s: something follows its COMMIT", request.method, request.path)
		}
	}
}
