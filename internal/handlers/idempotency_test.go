package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/db/dbtest"
)

const otherItem = `{"title":"Other","audio_url":"https://example.com/b.wav"}`

// once posts an item under a key.
func (s *surface) once(t testing.TB, key, body string, headers ...string) surfaceAnswer {
	t.Helper()
	return s.do(t, "POST", "/items", body, append(headers, "Idempotency-Key: "+key)...)
}

// isReplay reports whether the answer is an earlier one's, byte for byte.
func (a surfaceAnswer) isReplay(of surfaceAnswer) bool {
	return a.header.Get("Idempotent-Replayed") == "true" && a.status == of.status && a.body == of.body &&
		cmp.Equal(a.header["Location"], of.header["Location"]) && cmp.Equal(a.header["Etag"], of.header["Etag"]) &&
		cmp.Equal(a.header["Content-Type"], of.header["Content-Type"]) && a.header.Get("Content-Length") == of.header.Get("Content-Length")
}

// TestSameKeySameAnswer: the repeat changes nothing, and has the first one's answer under an id of its own.
func TestSameKeySameAnswer(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t)
	first := s.once(t, "a", surfaceItem, "X-Request-ID: first")
	if first.status != http.StatusCreated || first.header["Idempotent-Replayed"] != nil {
		t.Fatalf("the first: %v", first)
	}
	surfaceExec(t, s, "UPDATE items SET title = 'Changed'") // what the repeat does not show
	again := s.once(t, "a", surfaceItem, "X-Request-ID: again")
	if !again.isReplay(first) || again.header.Get("X-Request-Id") != "again" {
		t.Errorf("the repeat: %v\nafter %v", again, first)
	}
	if n := s.rows(t); n != 1 {
		t.Errorf("%d items, want 1", n)
	}
	if line := s.log.find(t, "request", "request_id", "again"); line["replayed"] != true {
		t.Errorf("the access log's line of the repeat: %v", line)
	}
	if line := s.log.find(t, "request", "request_id", "first"); line["replayed"] != nil {
		t.Errorf("the access log's line of the first: %v", line)
	}
}

// TestKeyOfAnotherRequest: what differs under the same key is a mistake of the client's, white space in the body included.
func TestKeyOfAnotherRequest(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t)
	first := s.once(t, "a", surfaceItem)
	for name, body := range map[string]string{"another item": otherItem, "white space": surfaceItem + " ", "nothing": "", "no JSON": "{"} {
		got := s.once(t, "a", body)
		if got.summary() != "422 Idempotency-Key: was used with another path, query or body" {
			t.Errorf("%s: %s", name, got.summary())
		}
		got.checkProblem(t, name)
	}
	if got := s.do(t, "POST", "/items?x=1", surfaceItem, "Idempotency-Key: a"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("another query: %s", got.summary())
	}
	if again := s.once(t, "a", surfaceItem); !again.isReplay(first) {
		t.Errorf("the first one's answer is lost: %v", again)
	}
	if n := s.rows(t); n != 1 {
		t.Errorf("%d items, want 1", n)
	}
}

// TestKeysOfTwoCallers: nobody gets to see another one's answer, whatever key he guesses.
func TestKeysOfTwoCallers(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t, func(set *surfaceSettings) { set.api.APIKeys = []string{"one", "two"} })
	first := s.once(t, "a", surfaceItem, "Authorization: Bearer one")
	other := s.once(t, "a", surfaceItem, "Authorization: Bearer two")
	if other.status != http.StatusCreated || other.isReplay(first) || other.body == first.body {
		t.Errorf("another caller: %v", other)
	}
	if got := s.once(t, "a", otherItem, "Authorization: Bearer two"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("another caller's other item: %s", got.summary())
	}
	if again := s.once(t, "a", surfaceItem, "authorization: bearer one"); !again.isReplay(first) {
		t.Errorf("the first caller again: %v", again)
	}
	if got := s.once(t, "a", surfaceItem); got.status != http.StatusUnauthorized {
		t.Errorf("no caller: %s", got.summary())
	}
	if n := s.rows(t); n != 2 {
		t.Errorf("%d items, want 2", n)
	}
}

// TestKeyForms: the draft's quotes and the bare text that most clients send are one key; what else comes is refused before
// anything is asked of the database.
func TestKeyForms(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t)
	first := s.once(t, `8e03978e-40d5`, surfaceItem)
	quoted := s.once(t, `"8e03978e-40d5"`, surfaceItem)
	if !quoted.isReplay(first) {
		t.Errorf("in quotes: %v", quoted)
	}
	seen := map[string]bool{}
	for _, key := range []string{
		`"a b"`, `"a\"b"`, `"a\\b"`, `"a,b"`, `"a;b"`, "a'b", "key:1/2=+", strings.Repeat("k", 255),
		`"` + strings.Repeat("q", 255) + `"`, `"` + strings.Repeat(`\"`, 255) + `"`,
	} {
		got, again := s.once(t, key, surfaceItem), s.once(t, key, surfaceItem)
		if got.status != http.StatusCreated || seen[got.body] || !again.isReplay(got) {
			t.Errorf("%.60s: %s, then %s", key, got.summary(), again.summary())
		}
		seen[got.body] = true
	}
	rows, taken := s.rows(t), s.conn.Counters().Acquires
	for _, key := range []string{
		"", `""`, `"a`, `a"`, `"a"b`, `"a" "b"`, `"a"b"`, `"a";p=1`, `"a", "b"`, "a,b", "a;b", "a b", `a\b`, `"a\b"`, `"\"`, "é", `"é"`, "a\tb",
		strings.Repeat("k", 256), `"` + strings.Repeat("q", 256) + `"`,
	} {
		got := s.once(t, key, surfaceItem)
		if got.status != http.StatusBadRequest || !strings.Contains(got.summary(), "Idempotency-Key: must be") {
			t.Errorf("%q: %s", key, got.summary())
		}
		got.checkProblem(t, key)
	}
	if got := s.once(t, "a", surfaceItem, "Idempotency-Key: b"); got.summary() != "400 Idempotency-Key: must be given once" {
		t.Errorf("two keys: %s", got.summary())
	}
	if n := s.rows(t); n != rows || s.conn.Counters().Acquires != taken {
		t.Errorf("%d items more, %d connections taken", n-rows, s.conn.Counters().Acquires-taken)
	}
}

// TestKeyIsIgnored where the route does not declare it; and without a key nothing is looked up or stored.
func TestKeyIsIgnored(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t)
	path := s.create(t)
	for _, request := range []string{"GET /items", "HEAD /items", "GET " + path, "HEAD " + path, "GET /health/live", "GET /nowhere", "PATCH " + path, "DELETE " + path} {
		method, target, _ := strings.Cut(request, " ")
		plain := s.do(t, method, target, "{}")
		if method == "DELETE" {
			plain.status = 404
		}
		for _, key := range []string{"a", "not a key"} {
			got := s.do(t, method, target, "{}", "Idempotency-Key: "+key)
			if got.status != plain.status || got.header.Get("Idempotent-Replayed") != "" {
				t.Errorf("%s: %d, without a key %d", request, got.status, plain.status)
			}
		}
	}
	if n := s.keys(t); n != 0 {
		t.Errorf("%d keys are stored", n)
	}
	s.do(t, "POST", "/items", surfaceItem, "X-Request-ID: plain")
	if line := s.log.find(t, "request", "request_id", "plain"); line["db_queries"] != 1. {
		t.Errorf("a POST without a key: %v statements", line["db_queries"])
	}
}

// TestBodyUnderAKey is read by the middleware: its faults have the same answers as ever.
func TestBodyUnderAKey(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t, func(set *surfaceSettings) { set.api.MaxBodyBytes = 1000 })
	for body, want := range map[string]int{"": 400, "{": 400, "[]": 400, `{"title":""}`: 422, strings.Repeat(" ", 1001): 413} {
		if got := s.once(t, "a", body); got.status != want {
			t.Errorf("%.20q: %s, want %d", body, got.summary(), want)
		}
	}
	got, err := s.try(t, "POST", "/items", struct{ *strings.Reader }{strings.NewReader(strings.Repeat(" ", 1001))}, "Idempotency-Key: a")
	if err != nil || got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("in chunks: %v %v", got, err)
	}
	if got := s.once(t, "a", surfaceItem, "Content-Type: text/plain"); got.status != http.StatusUnsupportedMediaType {
		t.Errorf("as text: %s", got.summary())
	}
	if got := s.once(t, "a", surfaceItem); got.status != http.StatusCreated {
		t.Errorf("the key is not free: %s", got.summary())
	}
}

// keys counts the keys that are stored.
func (s *surface) keys(t testing.TB) int {
	t.Helper()
	return dbtest.Ask[int](t, s.db, "SELECT count(*) FROM idempotency_keys")
}

// lock runs a statement that locks, in a transaction beside the API, until release.
func (s *surface) lock(t testing.TB, sql string) (release func()) {
	t.Helper()
	tx, err := dbtest.Connect(t, s.db).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback(t.Context()) }
}
