package handlers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/db"
)

const corsOrigin = "https://app.example.com"

func TestCORSIsOffByDefault(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t)
	for _, method := range []string{"GET", "OPTIONS", "POST"} {
		answer := s.do(t, method, "/items", surfaceItem, "Origin: "+corsOrigin, "Access-Control-Request-Method: GET")
		if want := map[string]int{"GET": 200, "OPTIONS": 405, "POST": 403}[method]; answer.status != want || len(corsHeaders(answer)) > 0 {
			t.Errorf("%s: %d %v", method, answer.status, answer.header)
		}
	}
}

func corsHeaders(answer surfaceAnswer) map[string]string {
	found := map[string]string{}
	for name := range answer.header {
		if strings.HasPrefix(name, "Access-Control-") {
			found[strings.TrimPrefix(name, "Access-Control-")] = answer.header.Get(name)
		}
	}
	return found
}

// TestCORS: a browser must be able to read errors too, and preflights carry no key.
func TestCORS(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t, func(set *surfaceSettings) {
		set.api.CORSAllowedOrigins, set.api.APIKeys, set.api.MaxBodyBytes = []string{corsOrigin}, []string{"key"}, 1000
	})
	const key, origin = "Authorization: Bearer key", "Origin: " + corsOrigin
	readable := map[string]string{"Allow-Origin": corsOrigin, "Expose-Headers": "Etag,Idempotent-Replayed,Location,Retry-After,X-Request-Id"}
	for _, row := range []struct {
		method, path, body string
		headers            []string
		want               int
	}{
		{"GET", "/items", "", []string{origin, key}, 200},
		{"POST", "/items", surfaceItem, []string{origin, key}, 201},
		{"POST", "/items", "{", []string{origin, key}, 400},
		{"GET", "/items", "", []string{origin}, 401},
		{"GET", "/items/999999", "", []string{origin, key}, 404},
		{"GET", "/nowhere", "", []string{origin}, 404},
		{"PUT", "/items", "", []string{origin}, 405},
		{"POST", "/items", strings.Repeat(" ", 1001), []string{origin, key}, 413},
		{"POST", "/items", "", []string{origin, key, "Content-Type: text/plain"}, 415},
		{"GET", "/items?limit=0", "", []string{origin, key}, 422},
		{"GET", "/health/live", "", []string{origin}, 200},
	} {
		answer := s.do(t, row.method, row.path, row.body, row.headers...)
		if answer.status != row.want || !cmp.Equal(corsHeaders(answer), readable) || answer.header.Get("Vary") != "Origin" {
			t.Errorf("%s %s: %d, want %d, with %v", row.method, row.path, answer.status, row.want, answer.header)
		}
	}
	for _, path := range []string{"/items", "/items/1", "/nowhere", "/health/live"} {
		answer := s.do(t, "OPTIONS", path, "", origin, "Access-Control-Request-Method: PATCH", "Access-Control-Request-Headers: authorization,content-type,idempotency-key")
		want := map[string]string{
			"Allow-Origin": corsOrigin, "Allow-Methods": "GET,HEAD,POST,PATCH,DELETE", "Max-Age": "3600",
			"Allow-Headers": "Authorization,Content-Type,Idempotency-Key,If-Match,If-None-Match,X-Request-Id",
		}
		if diff := cmp.Diff(want, corsHeaders(answer)); answer.status != http.StatusNoContent || diff != "" {
			t.Errorf("preflight of %s: %d %s", path, answer.status, diff)
		}
	}
	for _, own := range []string{s.URL, ""} {
		if answer := s.do(t, "POST", "/items", surfaceItem, "Origin: "+own, key); answer.status != http.StatusCreated {
			t.Errorf("a page of the service itself, Origin %q: %s", own, answer.summary())
		}
	}
}

// TestAPIKeys: who has no key learns nothing but that, takes no connection, and no key is ever logged.
func TestAPIKeys(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t, func(set *surfaceSettings) { set.api.APIKeys = []string{"secret-one", "secret=/+two"} })
	before := s.conn.Counters().Acquires
	for _, header := range []string{
		"X-No-Key: 1", "Authorization:", "Authorization: Bearer", "Authorization: Bearer ", "Authorization: Bearer wrong",
		"Authorization: secret-one", "Authorization: Basic secret-one", "Authorization: Bearer secret-on",
		"Authorization: Bearer secret-onee", "Authorization: Bearer SECRET-ONE", "Authorization: Bearer secret-one,secret=/+two",
		"Authorization: Bearer " + strings.Repeat("x", 10_000),
	} {
		for _, request := range []string{"GET /items", "HEAD /items", "POST /items", "GET /items/1", "PATCH /items/abc", "DELETE /items/1"} {
			method, path, _ := strings.Cut(request, " ")
			answer := s.do(t, method, path, "{", header)
			if answer.status != http.StatusUnauthorized || answer.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s, %.60s: %s", request, header, answer.summary())
			}
			if method != "HEAD" {
				answer.checkProblem(t, header)
			}
		}
	}
	if taken := s.conn.Counters().Acquires - before; taken != 0 {
		t.Errorf("%d connections were taken for callers without a key", taken)
	}
	for _, header := range []string{"Authorization: Bearer secret-one", "Authorization: bearer secret=/+two", "Authorization: Bearer  secret-one"} {
		if answer := s.do(t, "GET", "/items", "", header); answer.status != http.StatusOK {
			t.Errorf("%s: %s", header, answer.summary())
		}
	}
	for path, want := range map[string]int{"/health/live": 200, "/health/ready": 200, "/health/db": 200, "/nowhere": 404} {
		if answer := s.do(t, "GET", path, ""); answer.status != want {
			t.Errorf("without a key, GET %s: %d, want %d", path, answer.status, want)
		}
	}
	if log := s.log.String(); strings.Contains(log, "secret") {
		t.Error("a key was logged")
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t)
	long := strings.Repeat("x", 128)
	for _, id := range []string{"a", "5f0c-1:2_3./+=@", long} {
		if answer := s.do(t, "GET", "/nowhere", "", "X-Request-ID: "+id); answer.header.Get("X-Request-Id") != id {
			t.Errorf("%q became %q", id, answer.header.Get("X-Request-Id"))
		} else {
			answer.checkProblem(t, id)
		}
		s.log.find(t, "request", "request_id", id)
	}
	seen := map[string]bool{}
	for _, id := range []string{"", " ", "a b", long + "x", "é", `a"b`, "<script>", "a\tb", "{}", "a,b", "a;b"} {
		answer := s.do(t, "GET", "/health/live", "", "X-Request-ID: "+id)
		got := answer.header.Get("X-Request-Id")
		if got == id || len(got) < 20 || seen[got] {
			t.Errorf("%q became %q", id, got)
		}
		seen[got] = true
	}
}

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		trusted []string
		want    string
	}{{nil, "127.0.0.1"}, {[]string{"10.0.0.0/8"}, "127.0.0.1"}, {[]string{"127.0.0.0/8"}, "203.0.113.7"}} {
		s := surfaceStart(t, func(set *surfaceSettings) { set.api.TrustedProxies = test.trusted })
		s.do(t, "GET", "/items", "", "X-Request-ID: proxied", "X-Forwarded-For: 203.0.113.7", "X-Real-IP: 203.0.113.8")
		if client := s.log.find(t, "request", "request_id", "proxied")["client"]; client != test.want {
			t.Errorf("trusting %v the client is %v, want %s", test.trusted, client, test.want)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t, func(set *surfaceSettings) { set.api.MaxBodyBytes = 100 })
	path := s.create(t)
	for _, request := range []string{
		"GET /items", "HEAD /items", "GET " + path, "POST /items", "PUT /items", "GET /nowhere", "GET /health/live",
		"GET /health/ready", "GET /health/db", "GET /openapi.json", "GET /docs", "POST /items large", "DELETE " + path,
	} {
		method, target, _ := strings.Cut(request, " ")
		target, large, _ := strings.Cut(target, " ")
		answer := s.do(t, method, target, strings.Repeat(large, 50))
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"} {
			if got := answer.header.Get(name); got != want {
				t.Errorf("%s: %d %s: %q", request, answer.status, name, got)
			}
		}
		if answer.header.Get("X-Request-Id") == "" {
			t.Errorf("%s: no X-Request-ID", request)
		}
	}
}

// TestHealthOfAnExhaustedPool: busy is not down.
func TestHealthOfAnExhaustedPool(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t, func(set *surfaceSettings) {
		set.db.PoolSize, set.db.MaxOverflow, set.db.PoolTimeout = 1, 0, time.Second
	})
	session := s.conn.NewSession(t.Context())
	defer session.Rollback()
	if err := session.DB().Exec("SELECT 1").Error; err != nil {
		t.Fatal(err)
	}
	answer := goodItem(t, s.do(t, "GET", "/health/db", ""))
	pool := map[string]any{
		"size": 1., "max_overflow": 0., "checked_in": 0., "checked_out": 1., "overflow": 0., "waiting": 0., "timeouts": 0.,
	}
	if answer["status"] != "exhausted" || !cmp.Equal(answer["pool"], any(pool)) {
		t.Errorf("%v %s", answer, cmp.Diff(answer["pool"], any(pool)))
	}
	if ready := s.do(t, "GET", "/health/ready", ""); ready.status != http.StatusOK {
		t.Errorf("ready: %d", ready.status)
	}
	if busy := s.do(t, "GET", "/items", ""); busy.status != http.StatusServiceUnavailable || busy.header.Get("Retry-After") == "" {
		t.Errorf("no connection: %s %v", busy.summary(), busy.header)
	}
}

// TestHealthWithoutADatabase points the pool at a port where nobody listens.
func TestHealthWithoutADatabase(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t, func(set *surfaceSettings) {
		set.db = db.Options{
			URL: "postgres://nobody@127.0.0.1:1/none?sslmode=disable", PoolSize: 1, PoolTimeout: time.Second,
			ConnectTimeout: time.Second, PrePing: true,
		}
	})
	for path, want := range map[string]string{
		"/health/db": "unavailable", "/health/ready": "unavailable", "/health/live": "ok", "/items": "",
	} {
		answer := s.do(t, "GET", path, "")
		if status, _ := goodItem(t, answer)["status"].(string); status != want || answer.status != 503 && want != "ok" {
			t.Errorf("GET %s: %d %s", path, answer.status, answer.body)
		}
		if strings.Contains(answer.body, "127.0.0.1") || strings.Contains(answer.body, "refused") {
			t.Errorf("GET %s tells the cause: %s", path, answer.body)
		}
	}
	s.state.Drain()
	if ready := s.do(t, "GET", "/health/ready", ""); ready.status != 503 || !strings.Contains(ready.body, `"draining"`) {
		t.Errorf("draining: %d %s", ready.status, ready.body)
	}
	if live := s.do(t, "GET", "/health/live", ""); live.status != 200 {
		t.Errorf("live while draining: %d", live.status)
	}
}
