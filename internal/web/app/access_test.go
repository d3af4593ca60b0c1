package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web/webtest"
)

const corsOrigin = "https://app.example.com"

func TestCORSIsOffByDefault(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	for _, method := range []string{"GET", "OPTIONS", "POST"} {
		answer := s.Do(t, method, "/things", webtest.Body, "Origin: "+corsOrigin, "Access-Control-Request-Method: GET")
		if want := map[string]int{"GET": 200, "OPTIONS": 405, "POST": 403}[method]; answer.Status != want || len(corsHeaders(answer)) > 0 {
			t.Errorf("%s: %d %v", method, answer.Status, answer.Header)
		}
	}
}

func corsHeaders(answer webtest.Answer) map[string]string {
	found := map[string]string{}
	for name := range answer.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			found[strings.TrimPrefix(name, "Access-Control-")] = answer.Header.Get(name)
		}
	}
	return found
}

// TestCORS: a browser must be able to read errors too, and preflights carry no key.
func TestCORS(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t, func(set *webtest.Settings) {
		set.API.CORSAllowedOrigins, set.API.APIKeys, set.API.MaxBodyBytes = []string{corsOrigin}, []string{"key"}, 1000
	})
	const key, origin = "Authorization: Bearer key", "Origin: " + corsOrigin
	readable := map[string]string{"Allow-Origin": corsOrigin, "Expose-Headers": "Etag,Idempotent-Replayed,Location,Retry-After,X-Request-Id"}
	for _, row := range []struct {
		method, path, body string
		headers            []string
		want               int
	}{
		{"GET", "/things", "", []string{origin, key}, 200},
		{"POST", "/things", webtest.Body, []string{origin, key}, 201},
		{"POST", "/things", "{", []string{origin, key}, 400},
		{"GET", "/things", "", []string{origin}, 401},
		{"GET", "/things/999999", "", []string{origin, key}, 404},
		{"GET", "/nowhere", "", []string{origin}, 404},
		{"PUT", "/things", "", []string{origin}, 405},
		{"POST", "/things", strings.Repeat(" ", 1001), []string{origin, key}, 413},
		{"POST", "/things", "", []string{origin, key, "Content-Type: text/plain"}, 415},
		{"GET", "/things?limit=0", "", []string{origin, key}, 422},
		{"GET", "/health/live", "", []string{origin}, 200},
	} {
		answer := s.Do(t, row.method, row.path, row.body, row.headers...)
		if answer.Status != row.want || !cmp.Equal(corsHeaders(answer), readable) || answer.Header.Get("Vary") != "Origin" {
			t.Errorf("%s %s: %d, want %d, with %v", row.method, row.path, answer.Status, row.want, answer.Header)
		}
	}
	for _, path := range []string{"/things", "/things/1", "/nowhere", "/health/live"} {
		answer := s.Do(t, "OPTIONS", path, "", origin, "Access-Control-Request-Method: PATCH", "Access-Control-Request-Headers: authorization,content-type,idempotency-key")
		want := map[string]string{
			"Allow-Origin": corsOrigin, "Allow-Methods": "GET,HEAD,POST,PATCH,DELETE", "Max-Age": "3600",
			"Allow-Headers": "Authorization,Cache-Control,Content-Type,Idempotency-Key,If-Match,If-None-Match,Traceparent,X-Request-Id",
		}
		if diff := cmp.Diff(want, corsHeaders(answer)); answer.Status != http.StatusNoContent || diff != "" {
			t.Errorf("preflight of %s: %d %s", path, answer.Status, diff)
		}
	}
	for _, own := range []string{s.URL, ""} {
		if answer := s.Do(t, "POST", "/things", webtest.Body, "Origin: "+own, key); answer.Status != http.StatusCreated {
			t.Errorf("a page of the service itself, Origin %q: %s", own, answer.Summary())
		}
	}
}

// TestAPIKeys: who has no key learns nothing but that, takes no connection, and no key is ever logged.
func TestAPIKeys(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t, func(set *webtest.Settings) { set.API.APIKeys = []string{"secret-one", "secret=/+two"} })
	before := s.DB.Counters().Acquires
	for _, header := range []string{
		"X-No-Key: 1", "Authorization:", "Authorization: Bearer", "Authorization: Bearer ", "Authorization: Bearer wrong",
		"Authorization: secret-one", "Authorization: Basic secret-one", "Authorization: Bearer secret-on",
		"Authorization: Bearer secret-onee", "Authorization: Bearer SECRET-ONE", "Authorization: Bearer secret-one,secret=/+two",
		"Authorization: Bearer " + strings.Repeat("x", 10_000),
	} {
		for _, request := range []string{"GET /things", "HEAD /things", "POST /things", "GET /things/1", "PATCH /things/abc", "DELETE /things/1"} {
			method, path, _ := strings.Cut(request, " ")
			answer := s.Do(t, method, path, "{", header)
			if answer.Status != http.StatusUnauthorized || answer.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s, %.60s: %s", request, header, answer.Summary())
			}
			if method != "HEAD" {
				answer.CheckProblem(t, header)
			}
		}
	}
	if taken := s.DB.Counters().Acquires - before; taken != 0 {
		t.Errorf("%d connections were taken for callers without a key", taken)
	}
	for _, header := range []string{"Authorization: Bearer secret-one", "Authorization: bearer secret=/+two", "Authorization: Bearer  secret-one"} {
		if answer := s.Do(t, "GET", "/things", "", header); answer.Status != http.StatusOK {
			t.Errorf("%s: %s", header, answer.Summary())
		}
	}
	for path, want := range map[string]int{"/health/live": 200, "/health/ready": 200, "/health/db": 200, "/nowhere": 404} {
		if answer := s.Do(t, "GET", path, ""); answer.Status != want {
			t.Errorf("without a key, GET %s: %d, want %d", path, answer.Status, want)
		}
	}
	if log := s.Log.String(); strings.Contains(log, "secret") {
		t.Error("a key was logged")
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	long := strings.Repeat("x", 128)
	for _, id := range []string{"a", "5f0c-1:2_3./+=@", long} {
		if answer := s.Do(t, "GET", "/nowhere", "", "X-Request-ID: "+id); answer.Header.Get("X-Request-Id") != id {
			t.Errorf("%q became %q", id, answer.Header.Get("X-Request-Id"))
		} else {
			answer.CheckProblem(t, id)
		}
		s.Logged(t, "request", "request_id", id)
	}
	seen := map[string]bool{}
	for _, id := range []string{"", " ", "a b", long + "x", "é", `a"b`, "<script>", "a\tb", "{}", "a,b", "a;b"} {
		answer := s.Do(t, "GET", "/health/live", "", "X-Request-ID: "+id)
		got := answer.Header.Get("X-Request-Id")
		if got == id || len(got) < 20 || seen[got] {
			t.Errorf("%q became %q", id, got)
		}
		seen[got] = true
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t, func(set *webtest.Settings) { set.API.MaxBodyBytes = 100 })
	path := s.Create(t)
	for _, request := range []string{
		"GET /things", "HEAD /things", "GET " + path, "POST /things", "PUT /things", "GET /nowhere", "GET /health/live",
		"GET /health/ready", "GET /health/db", "GET /openapi.json", "GET /docs", "POST /things large", "DELETE " + path,
	} {
		method, target, _ := strings.Cut(request, " ")
		target, large, _ := strings.Cut(target, " ")
		answer := s.Do(t, method, target, strings.Repeat(large, 50))
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s: %d %s: %q", request, answer.Status, name, got)
			}
		}
		if answer.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: no X-Request-ID", request)
		}
	}
}

// TestHealthOfAnExhaustedPool: busy is not down.
func TestHealthOfAnExhaustedPool(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t, func(set *webtest.Settings) {
		set.DB.PoolSize, set.DB.MaxOverflow, set.DB.PoolTimeout = 1, 0, time.Second
	})
	session := s.DB.NewSession(t.Context())
	defer session.Rollback()
	if err := session.DB().Exec("SELECT 1").Error; err != nil {
		t.Fatal(err)
	}
	answer := object(t, s.Do(t, "GET", "/health/db", ""))
	pool := map[string]any{
		"size": 1., "max_overflow": 0., "checked_in": 0., "checked_out": 1., "overflow": 0., "waiting": 0., "timeouts": 0.,
	}
	if answer["status"] != "exhausted" || !cmp.Equal(answer["pool"], any(pool)) {
		t.Errorf("%v %s", answer, cmp.Diff(answer["pool"], any(pool)))
	}
	if ready := s.Do(t, "GET", "/health/ready", ""); ready.Status != http.StatusOK {
		t.Errorf("ready: %d", ready.Status)
	}
	if busy := s.Do(t, "GET", "/things", ""); busy.Status != http.StatusServiceUnavailable || busy.Header.Get("Retry-After") == "" {
		t.Errorf("no connection: %s %v", busy.Summary(), busy.Header)
	}
}

// TestHealthWithoutADatabase points the pool at a port where nobody listens.
func TestHealthWithoutADatabase(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t, func(set *webtest.Settings) {
		set.DB = db.Options{
			URL: "postgres://nobody@127.0.0.1:1/none?sslmode=disable", PoolSize: 1, PoolTimeout: time.Second,
			ConnectTimeout: time.Second, PrePing: true,
		}
	})
	for path, want := range map[string]string{
		"/health/db": "unavailable", "/health/ready": "unavailable", "/health/live": "ok", "/things": "",
	} {
		answer := s.Do(t, "GET", path, "")
		if status, _ := object(t, answer)["status"].(string); status != want || answer.Status != 503 && want != "ok" {
			t.Errorf("GET %s: %d %s", path, answer.Status, answer.Body)
		}
		if strings.Contains(answer.Body, "127.0.0.1") || strings.Contains(answer.Body, "refused") {
			t.Errorf("GET %s tells the cause: %s", path, answer.Body)
		}
	}
	s.State.Drain()
	if ready := s.Do(t, "GET", "/health/ready", ""); ready.Status != 503 || !strings.Contains(ready.Body, `"draining"`) {
		t.Errorf("draining: %d %s", ready.Status, ready.Body)
	}
	if live := s.Do(t, "GET", "/health/live", ""); live.Status != 200 {
		t.Errorf("live while draining: %d", live.Status)
	}
}

// object is the JSON object of an answer.
func object(t testing.TB, answer webtest.Answer) (members map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(answer.Body), &members); err != nil {
		t.Fatalf("%q: %v", answer.Body, err)
	}
	return members
}
