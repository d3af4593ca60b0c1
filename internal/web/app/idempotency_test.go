package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/webtest"
)

const otherThing = `{"title":"Other","link":"https://example.com/b.wav"}`

// once posts a thing under a key.
func once(t testing.TB, s *webtest.Server, key, body string, headers ...string) webtest.Answer {
	t.Helper()
	return s.Do(t, "POST", "/things", body, append(headers, "Idempotency-Key: "+key)...)
}

// isReplay reports whether the answer is an earlier one's, byte for byte.
func isReplay(a, of webtest.Answer) bool {
	return a.Header.Get("Idempotent-Replayed") == "true" && a.Status == of.Status && a.Body == of.Body &&
		cmp.Equal(a.Header["Location"], of.Header["Location"]) && cmp.Equal(a.Header["Etag"], of.Header["Etag"]) &&
		cmp.Equal(a.Header["Content-Type"], of.Header["Content-Type"]) && a.Header.Get("Content-Length") == of.Header.Get("Content-Length")
}

// TestSameKeySameAnswer: the repeat changes nothing, and has the first one's answer under an id of its own.
func TestSameKeySameAnswer(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	first := once(t, s, "a", webtest.Body, "X-Request-ID: first")
	if first.Status != http.StatusCreated || first.Header["Idempotent-Replayed"] != nil {
		t.Fatalf("the first: %v", first)
	}
	s.Exec(t, "UPDATE test_things SET title = 'Changed'") // what the repeat does not show
	again := once(t, s, "a", webtest.Body, "X-Request-ID: again")
	if !isReplay(again, first) || again.Header.Get("X-Request-Id") != "again" {
		t.Errorf("the repeat: %v\nafter %v", again, first)
	}
	if n := s.Rows(t); n != 1 {
		t.Errorf("%d things, want 1", n)
	}
	if line := s.Logged(t, "request", "request_id", "again"); line["replayed"] != true {
		t.Errorf("the access log's line of the repeat: %v", line)
	}
	if line := s.Logged(t, "request", "request_id", "first"); line["replayed"] != nil {
		t.Errorf("the access log's line of the first: %v", line)
	}
}

// TestKeyOfAnotherRequest: what differs under the same key is a mistake of the client's, white space in the body included.
func TestKeyOfAnotherRequest(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	first := once(t, s, "a", webtest.Body)
	for name, body := range map[string]string{"another thing": otherThing, "white space": webtest.Body + " ", "nothing": "", "no JSON": "{"} {
		got := once(t, s, "a", body)
		if got.Summary() != "422 Idempotency-Key: was used with another path, query or body" {
			t.Errorf("%s: %s", name, got.Summary())
		}
		got.CheckProblem(t, name)
	}
	if got := s.Do(t, "POST", "/things?x=1", webtest.Body, "Idempotency-Key: a"); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("another query: %s", got.Summary())
	}
	if again := once(t, s, "a", webtest.Body); !isReplay(again, first) {
		t.Errorf("the first one's answer is lost: %v", again)
	}
	if n := s.Rows(t); n != 1 {
		t.Errorf("%d things, want 1", n)
	}
}

// TestKeysOfTwoCallers: nobody gets to see another one's answer, whatever key he guesses.
func TestKeysOfTwoCallers(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t, func(set *webtest.Settings) { set.API.APIKeys = []string{"one", "two"} })
	first := once(t, s, "a", webtest.Body, "Authorization: Bearer one")
	other := once(t, s, "a", webtest.Body, "Authorization: Bearer two")
	if other.Status != http.StatusCreated || isReplay(other, first) || other.Body == first.Body {
		t.Errorf("another caller: %v", other)
	}
	if got := once(t, s, "a", otherThing, "Authorization: Bearer two"); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("another caller's other thing: %s", got.Summary())
	}
	if again := once(t, s, "a", webtest.Body, "authorization: bearer one"); !isReplay(again, first) {
		t.Errorf("the first caller again: %v", again)
	}
	if got := once(t, s, "a", webtest.Body); got.Status != http.StatusUnauthorized {
		t.Errorf("no caller: %s", got.Summary())
	}
	if n := s.Rows(t); n != 2 {
		t.Errorf("%d things, want 2", n)
	}
}

// TestKeyForms: the draft's quotes and the bare text that most clients send are one key; what else comes is refused before
// anything is asked of the database.
func TestKeyForms(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	first := once(t, s, `8e03978e-40d5`, webtest.Body)
	quoted := once(t, s, `"8e03978e-40d5"`, webtest.Body)
	if !isReplay(quoted, first) {
		t.Errorf("in quotes: %v", quoted)
	}
	seen := map[string]bool{}
	for _, key := range []string{
		`"a b"`, `"a\"b"`, `"a\\b"`, `"a,b"`, `"a;b"`, "a'b", "key:1/2=+", strings.Repeat("k", 255),
		`"` + strings.Repeat("q", 255) + `"`, `"` + strings.Repeat(`\"`, 255) + `"`,
	} {
		got, again := once(t, s, key, webtest.Body), once(t, s, key, webtest.Body)
		if got.Status != http.StatusCreated || seen[got.Body] || !isReplay(again, got) {
			t.Errorf("%.60s: %s, then %s", key, got.Summary(), again.Summary())
		}
		seen[got.Body] = true
	}
	rows, taken := s.Rows(t), s.DB.Counters().Acquires
	for _, key := range []string{
		"", `""`, `"a`, `a"`, `"a"b`, `"a" "b"`, `"a"b"`, `"a";p=1`, `"a", "b"`, "a,b", "a;b", "a b", `a\b`, `"a\b"`, `"\"`, "é", `"é"`, "a\tb",
		strings.Repeat("k", 256), `"` + strings.Repeat("q", 256) + `"`,
	} {
		got := once(t, s, key, webtest.Body)
		if got.Status != http.StatusBadRequest || !strings.Contains(got.Summary(), "Idempotency-Key: must be") {
			t.Errorf("%q: %s", key, got.Summary())
		}
		got.CheckProblem(t, key)
	}
	if got := once(t, s, "a", webtest.Body, "Idempotency-Key: b"); got.Summary() != "400 Idempotency-Key: must be given once" {
		t.Errorf("two keys: %s", got.Summary())
	}
	if n := s.Rows(t); n != rows || s.DB.Counters().Acquires != taken {
		t.Errorf("%d things more, %d connections taken", n-rows, s.DB.Counters().Acquires-taken)
	}
}

// TestKeyIsIgnored where the route does not declare it; and without a key nothing is looked up or stored.
func TestKeyIsIgnored(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	path := s.Create(t)
	for _, request := range []string{"GET /things", "HEAD /things", "GET " + path, "HEAD " + path, "GET /health/live", "GET /nowhere", "PATCH " + path, "DELETE " + path} {
		method, target, _ := strings.Cut(request, " ")
		plain := s.Do(t, method, target, "{}")
		if method == "DELETE" {
			plain.Status = 404
		}
		for _, key := range []string{"a", "not a key"} {
			got := s.Do(t, method, target, "{}", "Idempotency-Key: "+key)
			if got.Status != plain.Status || got.Header.Get("Idempotent-Replayed") != "" {
				t.Errorf("%s: %d, without a key %d", request, got.Status, plain.Status)
			}
		}
	}
	if n := keys(t, s); n != 0 {
		t.Errorf("%d keys are stored", n)
	}
	s.Do(t, "POST", "/things", webtest.Body, "X-Request-ID: plain")
	if line := s.Logged(t, "request", "request_id", "plain"); line["db_queries"] != 1. {
		t.Errorf("a POST without a key: %v statements", line["db_queries"])
	}
}

// TestBodyUnderAKey is read by the middleware: its faults have the same answers as ever.
func TestBodyUnderAKey(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t, func(set *webtest.Settings) { set.API.MaxBodyBytes = 1000 })
	for body, want := range map[string]int{"": 400, "{": 400, "[]": 400, `{"title":""}`: 422, strings.Repeat(" ", 1001): 413} {
		if got := once(t, s, "a", body); got.Status != want {
			t.Errorf("%.20q: %s, want %d", body, got.Summary(), want)
		}
	}
	got, err := s.Try(t.Context(), "POST", "/things", struct{ *strings.Reader }{strings.NewReader(strings.Repeat(" ", 1001))}, "Idempotency-Key: a")
	if err != nil || got.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("in chunks: %v %v", got, err)
	}
	if got := once(t, s, "a", webtest.Body, "Content-Type: text/plain"); got.Status != http.StatusUnsupportedMediaType {
		t.Errorf("as text: %s", got.Summary())
	}
	if got := once(t, s, "a", webtest.Body); got.Status != http.StatusCreated {
		t.Errorf("the key is not free: %s", got.Summary())
	}
}

// keys counts the keys that are stored.
func keys(t testing.TB, s *webtest.Server) int {
	t.Helper()
	return dbtest.Ask[int](t, s.Database, "SELECT count(*) FROM idempotency_keys")
}

// lock runs a statement that locks, in a transaction beside the API, until release.
func lock(t testing.TB, s *webtest.Server, sql string) (release func()) {
	t.Helper()
	tx, err := dbtest.Connect(t, s.Database).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback(t.Context()) }
}
