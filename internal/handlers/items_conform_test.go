package handlers_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/handlers"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// documented serves the API, every answer held against the document. It returns
// its address and the database's.
func documented(t *testing.T, change func(*app.Options)) (address, database string) {
	t.Helper()
	s := webtest.Start(t, webtest.Documented(t, handlers.New), func(s *webtest.Settings) { change(&s.API) })
	return s.URL, s.Database
}

// step is a request, with headers as "Name: value", and the status that it must get.
type step struct {
	method, path, body string
	headers            []string
	status             int
}

func (s step) play(t *testing.T, address string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), s.method, address+s.path, strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	if s.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, header := range s.headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode != s.status {
		body, err := io.ReadAll(answer.Body)
		t.Errorf("%s %s: %d, want %d: %s %v", s.method, s.path, answer.StatusCode, s.status, body, err)
	}
	return answer
}

func TestAnswersConform(t *testing.T) {
	t.Parallel()
	state := new(app.State)
	address, database := documented(t, func(o *app.Options) { o.APIKeys, o.State = []string{"secret"}, state })
	dbtest.Exec(t, database, `INSERT INTO items (id, title, audio_url) VALUES (7, 'Seven', 's3://bucket/a')`)
	key := "Authorization: Bearer secret"
	const valid = `{"title":"Interview","audio_url":"https://example.com/a.wav"}`
	for _, s := range []step{
		{"GET", "/health/live", "", nil, 200},
		{"HEAD", "/health/ready", "", nil, 200},
		{"GET", "/health/db", "", nil, 200},
		{"GET", "/items", "", nil, 401},
		{"POST", "/items", valid, []string{key}, 201},
		{"POST", "/items", valid, []string{key, "Idempotency-Key: a"}, 201},
		{"POST", "/items", valid, []string{key, `Idempotency-Key: "a"`}, 201},
		{"POST", "/items", `{}`, []string{key, "Idempotency-Key: a"}, 422},
		{"POST", "/items", valid, []string{key, "Idempotency-Key: a,b"}, 400},
		{"POST", "/items", `{"title":`, []string{key}, 400},
		{"POST", "/items", `{"title":"","audio_url":"x"}`, []string{key}, 422},
		{"POST", "/items", valid, []string{key, "Content-Type: text/plain"}, 415},
		{"POST", "/items", `"` + strings.Repeat("x", 2<<20) + `"`, []string{key}, 413},
		{"POST", "/items", valid, []string{key, "Origin: https://evil.example"}, 403},
		{"PUT", "/items", "", []string{key}, 405},
		{"GET", "/items?limit=1&status=pending&language=en", "", []string{key}, 200},
		{"HEAD", "/items", "", []string{key}, 200},
		{"GET", "/items?limit=0", "", []string{key}, 422},
		{"GET", "/items/7", "", []string{key}, 200},
		{"HEAD", "/items/7", "", []string{key, "If-None-Match: *"}, 304},
		{"GET", "/items/x", "", []string{key}, 404},
		{"PATCH", "/items/7", `{"status":"processing","transcript":"Hello","duration_seconds":1.5}`, []string{key}, 200},
		{"PATCH", "/items/7", `{"transcript":null}`, []string{key}, 200},
		{"PATCH", "/items/7", `{"status":"processing"}`, []string{key}, 409},
		{"PATCH", "/items/7", `{}`, []string{key, `If-Match: "999"`}, 412},
		{"DELETE", "/items/7", "", []string{key}, 204},
		{"DELETE", "/items/7", "", []string{key}, 404},
		{"GET", "/openapi.json", "", nil, 200},
		{"GET", "/docs", "", nil, 200},
		{"GET", "/docs/LICENSE", "", nil, 200},
		{"GET", "/docs/nothing", "", nil, 404},
		{"POST", "/docs", "", nil, 405},
		{"GET", "/nothing", "", nil, 404},
	} {
		s.play(t, address)
	}
	defer (&webtest.Server{URL: address, Database: database}).Running(t, "items", "/items", valid, "busy", "Bearer secret")()
	step{"POST", "/items", valid, []string{key, "Idempotency-Key: busy"}, 409}.play(t, address)
	state.Drain()
	step{"GET", "/health/ready", "", nil, 503}.play(t, address)
}

// What the document calls the default is what the database puts in.
func TestDocumentedDefaults(t *testing.T) {
	t.Parallel()
	address, _ := documented(t, func(*app.Options) {})
	var document struct {
		Components struct {
			Schemas struct {
				NewItem struct {
					Properties struct{ Language struct{ Default string } }
				}
			}
		}
	}
	var created struct{ Language string }
	decode(t, step{"GET", "/openapi.json", "", nil, 200}.play(t, address), &document)
	decode(t, step{"POST", "/items", `{"title":"a","audio_url":"gs://b/c"}`, nil, 201}.play(t, address), &created)
	if want := document.Components.Schemas.NewItem.Properties.Language.Default; want == "" || created.Language != want {
		t.Errorf("language is %q, the document's default %q", created.Language, want)
	}
}

func decode(t *testing.T, answer *http.Response, into any) {
	t.Helper()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}
