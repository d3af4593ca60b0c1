package handlers_test

import (
	"strings"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/webtest"
)

const goldenBody = `{"title":"Interview","audio_url":"https://example.com/a.wav"}`

const goldenKey = `Idempotency-Key: "8e03978e-40d5-43dd-bc93-6894a57f9324"`

var goldenSteps = []goldenStep{
	{about: "an empty list", request: "GET /items"},
	{about: "create", request: "POST /items", body: goldenBody},
	{about: "create with all members", request: "POST /items", body: `{"title":"Gespräch 😀","audio_url":"s3://my_bucket/b.flac","language":"de-CH"}`},
	{about: "create a third", request: "POST /items", body: `{"title":"<3 & more","audio_url":"gs://bucket/c.ogg","language":"en"}`},
	{about: "create without a key", request: "POST /items", headers: []string{"Authorization:"}, body: goldenBody},
	{about: "create from no JSON", request: "POST /items", body: `{"title":`},
	{about: "create from nothing", request: "POST /items"},
	{about: "create with an unknown member", request: "POST /items", body: `{"title":"a","audio_url":"https://example.com/a.wav","priority":1}`},
	{about: "create with a wrong type", request: "POST /items", body: `{"title":1,"audio_url":"https://example.com/a.wav"}`},
	{about: "create from too much", request: "POST /items", body: strings.Repeat(" ", 4001)},
	{about: "create from a form", request: "POST /items", headers: []string{"Content-Type: application/x-www-form-urlencoded"}, body: `title=a`},
	{about: "create against the rules", request: "POST /items", body: `{"title":" ","audio_url":"ftp://example.com/a.wav","language":"en_US"}`},

	{about: "the first page", request: "GET /items?limit=2"},
	{about: "the last page", request: "GET /items?limit=2&cursor={cursor}"},
	{about: "filters", request: "GET /items?status=pending&language=de-CH"},
	{about: "filters that nothing passes", request: "GET /items?status=failed"},
	{about: "only the list's headers", request: "HEAD /items?limit=1"},
	{about: "list without a key", request: "GET /items", headers: []string{"Authorization:"}},
	{about: "list by bad parameters", request: "GET /items?status=done&limit=101"},
	{about: "list by a cursor that was not given out", request: "GET /items?cursor=abc"},

	{about: "fetch", request: "GET /items/{1}"},
	{about: "only the headers", request: "HEAD /items/{1}"},
	{about: "fetch if changed: it has not", request: "GET /items/{1}", headers: []string{`If-None-Match: "1"`}},
	{about: "only the headers, if changed", request: "HEAD /items/{1}", headers: []string{`If-None-Match: "1"`}},
	{about: "fetch without a key", request: "GET /items/{1}", headers: []string{"Authorization:"}},
	{about: "fetch what is not there", request: "GET /items/9223372036854775807"},
	{about: "fetch an id that can not be", request: "GET /items/abc"},

	{about: "claim", request: "PATCH /items/{1}", headers: []string{`If-Match: "1"`}, body: `{"status":"processing"}`},
	{about: "claim again", request: "PATCH /items/{1}", body: `{"status":"processing"}`},
	{about: "write the transcript", request: "PATCH /items/{1}", body: `{"status":"processed","transcript":"Hello.\nGood \"morning\".","duration_seconds":12.5}`},
	{about: "clear members", request: "PATCH /items/{1}", body: `{"transcript":null,"duration_seconds":null,"error":null}`},
	{about: "change nothing", request: "PATCH /items/{1}", body: `{}`},
	{about: "change by merge-patch", request: "PATCH /items/{2}", headers: []string{"Content-Type: application/merge-patch+json"}, body: `{"title":"New"}`},
	{about: "change if unchanged: it has changed", request: "PATCH /items/{1}", headers: []string{`If-Match: "1"`}, body: `{"title":"New"}`},
	{about: "change without a key", request: "PATCH /items/{1}", headers: []string{"Authorization:"}, body: `{}`},
	{about: "change a member twice", request: "PATCH /items/{1}", body: `{"title":"a","title":"b"}`},
	{about: "change what is not there", request: "PATCH /items/9223372036854775807", body: `{"title":"New"}`},
	{about: "change by too much", request: "PATCH /items/{1}", body: `{"error":"` + strings.Repeat("a", 4000) + `"}`},
	{about: "change by text", request: "PATCH /items/{1}", headers: []string{"Content-Type: text/plain"}, body: `title`},
	{about: "change against the rules", request: "PATCH /items/{1}", body: `{"title":null,"status":"done","duration_seconds":-1}`},

	{about: "delete if unchanged: it has changed", request: "DELETE /items/{1}", headers: []string{`If-Match: "1"`}},
	{about: "delete without a key", request: "DELETE /items/{1}", headers: []string{"Authorization:"}},
	{about: "delete", request: "DELETE /items/{1}"},
	{about: "delete again", request: "DELETE /items/{1}"},
	{about: "fetch what was deleted", request: "GET /items/{1}"},

	{about: "create once", request: "POST /items", headers: []string{goldenKey}, body: goldenBody},
	{about: "create once: the repeat gets the same answer", request: "POST /items", headers: []string{goldenKey}, body: goldenBody},
	{about: "create another one under the same key", request: "POST /items", headers: []string{goldenKey}, body: `{"title":"Other","audio_url":"https://example.com/b.wav"}`},
	{about: "create once while the first still runs", request: "POST /items", headers: []string{"Idempotency-Key: other"}, body: goldenBody, before: goldenRunning},
	{about: "create once under no key", request: "POST /items", headers: []string{"Idempotency-Key: a b"}, body: goldenBody},

	{about: "a method that the list has not", request: "PUT /items"},
	{about: "a method that an item has not", request: "POST /items/{2}"},
	{about: "a path with a slash too many", request: "GET /items/"},
	{about: "health needs no key", request: "GET /health/live", headers: []string{"Authorization:"}},
	{about: "ready", request: "GET /health/ready", headers: []string{"Authorization:"}},
	{about: "a method that health has not", request: "DELETE /health/live"},

	{about: "list while every connection is out", request: "GET /items", before: goldenHold},
	{about: "change a row that another client holds until the time is over", request: "PATCH /items/{2}", body: `{"title":"Late"}`, before: goldenLock},
	{about: "list where the table is gone", request: "GET /items", before: goldenDrop},
	{about: "create there", request: "POST /items", body: goldenBody},
	{about: "not ready while draining", request: "GET /health/ready", before: goldenDrain},
}

// goldenHold keeps the pool's only connection out.
func goldenHold(t *testing.T, s *webtest.Server) (after func()) {
	session := s.DB.NewSession(t.Context())
	if err := session.DB().Exec("SELECT 1").Error; err != nil {
		t.Fatal(err)
	}
	return session.Rollback
}

// goldenLock locks all items from beside the API.
func goldenLock(t *testing.T, s *webtest.Server) (after func()) {
	tx, err := dbtest.Connect(t, s.Database).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT * FROM items FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback(t.Context()) }
}

// goldenRunning leaves a request with the key "other" running.
func goldenRunning(t *testing.T, s *webtest.Server) (after func()) {
	return s.Running(t, "items", "/items", item, "other", "Bearer KEY")
}

func goldenDrop(t *testing.T, s *webtest.Server) (after func()) {
	s.Exec(t, "DROP TABLE items CASCADE")
	return func() {}
}

func goldenDrain(_ *testing.T, s *webtest.Server) (after func()) {
	s.State.Drain()
	return func() {}
}
