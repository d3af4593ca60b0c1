package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/webtest"
)

const (
	traceHeader = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	traceOfIt   = "4bf92f3577b34da6a3ce929d0e0e4736"
)

// TestAccessLine: one line for each request, with what an operator needs.
func TestAccessLine(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method, path, body string
		status             int
		level, route       string
		queries            any // nil: a route without a session
	}{
		"write":     {"POST", "/things", webtest.Body, 201, "INFO", "/things", 1.0},
		"read":      {"GET", "/things/1?secret=s3cret", "", 200, "INFO", "/things/:id", 1.0},
		"bad body":  {"POST", "/things", "{", 400, "INFO", "/things", 0.0},
		"no thing":  {"GET", "/things/987654", "", 404, "INFO", "/things/:id", 1.0},
		"no route":  {"GET", "/nothing/1", "", 404, "INFO", "", nil},
		"no method": {"PUT", "/things", "", 405, "INFO", "", nil},
		"panic":     {"GET", "/panic", "", 500, "INFO", "/panic", nil},
		"live":      {"GET", "/health/live", "", 200, "DEBUG", "/health/live", nil},
		"ready":     {"GET", "/health/ready", "", 200, "DEBUG", "/health/ready", nil},
		"pool":      {"GET", "/health/db", "", 200, "DEBUG", "/health/db", nil},
	}
	w := watch(t)
	dbtest.Exec(t, w.Database, "INSERT INTO test_things (id, title, link) OVERRIDING SYSTEM VALUE VALUES (1, 'Interview', 'https://example.com/a.wav')")
	dbtest.Exec(t, w.Database, "SELECT setval(pg_get_serial_sequence('test_things', 'id'), 100)")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id := "id-" + strings.ReplaceAll(name, " ", "-")
			answer := w.want(test.status, test.method, test.path, test.body, "X-Request-ID: "+id, "traceparent: "+traceHeader)
			lines := w.lines("request", id)
			if len(lines) != 1 {
				t.Fatalf("%d lines, want 1: %v", len(lines), lines)
			}
			line := lines[0]
			path, _, _ := strings.Cut(test.path, "?")
			want := map[string]any{
				"level": test.level, "msg": "request", "method": test.method, "path": path, "route": test.route,
				"status": float64(test.status), "bytes": float64(len(answer)), "client": "127.0.0.1",
				"request_id": id, "trace_id": traceOfIt,
			}
			took, _ := line["ms"].(float64)
			if inDB, ok := line["db_ms"].(float64); test.queries != nil && (!ok || inDB > took || (inDB > 0) != (test.queries != 0.0)) {
				t.Errorf("ms %v, db_ms %v with %v queries", line["ms"], line["db_ms"], test.queries)
			}
			if test.queries != nil {
				want["db_queries"] = test.queries
				delete(line, "db_ms")
			}
			if _, err := time.Parse(time.RFC3339Nano, line["time"].(string)); err != nil || took <= 0 {
				t.Errorf("time %v, ms %v", line["time"], line["ms"])
			}
			delete(line, "time")
			delete(line, "ms")
			if diff := cmp.Diff(want, line); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if strings.Contains(w.Log.String(), "s3cret") {
		t.Error("a query string is in the log")
	}
}

// TestAccessLineIDs: a request id is made where the client sends none or an
// unfit one, and a malformed traceparent gives no trace id.
func TestAccessLineIDs(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.want(404, "GET", "/none/1", "")
	w.want(404, "GET", "/none/2", "", "X-Request-ID: no spaces", "traceparent: 00-"+traceOfIt+"-1-01")
	lines := w.lines("request", "")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want 2", len(lines))
	}
	for _, line := range lines {
		if id, _ := line["request_id"].(string); len(id) < 20 || strings.Contains(id, " ") {
			t.Errorf("request id %q", id)
		}
		if id, ok := line["trace_id"]; ok {
			t.Errorf("trace id %v", id)
		}
	}
	if lines[0]["request_id"] == lines[1]["request_id"] {
		t.Error("two requests, one id")
	}
}

// TestFailureLine: one line for each 5xx, with the cause that the answer hides
// and the same request id; none for a 4xx.
func TestFailureLine(t *testing.T) {
	t.Parallel()
	w := watch(t, func(o *db.Options) { o.PoolSize, o.MaxOverflow, o.PoolTimeout = 1, 0, time.Second })
	w.want(404, "GET", "/things/987654", "", "X-Request-ID: absent")
	w.want(500, "GET", "/panic", "", "X-Request-ID: panics")

	unlock := w.lockThings()
	holder := w.later("GET", "/things", "")
	dbtest.Eventually(t, "the connection is out", func() bool { return w.figure("db_pool_checked_out") == 1 })
	w.want(503, "GET", "/things", "", "X-Request-ID: busy")
	unlock()
	if got := <-holder; got.Status != 200 {
		t.Errorf("the one with the connection: %v", got)
	}

	dbtest.Exec(t, w.Database, "DROP TABLE test_things CASCADE")
	answer := w.want(500, "GET", "/things", "", "X-Request-ID: no-table")
	if !strings.Contains(answer, `"request_id":"no-table"`) || strings.Contains(answer, "42P01") {
		t.Errorf("want the id and no cause: %s", answer)
	}
	for id, cause := range map[string]string{"no-table": "42P01", "busy": "no connection within the pool's time-out"} {
		lines := w.lines("request failed", id)
		if len(lines) != 1 || lines[0]["level"] != "ERROR" || !strings.Contains(lines[0]["error"].(string), cause) || lines[0]["route"] != "/things" {
			t.Errorf("%s: want one line with %q: %v", id, cause, lines)
		}
	}
	lines := w.lines("panic", "panics")
	if len(lines) != 1 || lines[0]["error"] != "boom" || !strings.Contains(lines[0]["stack"].(string), "watched_test.go") {
		t.Errorf("panic: want one line with its stack: %v", lines)
	}
	if n := strings.Count(w.Log.String(), `"level":"ERROR"`); n != 3 {
		t.Errorf("%d errors in the log, want 3:\n%s", n, w.Log)
	}
}

// TestSlowQuery logs what takes DB_SLOW_QUERY or longer, under its request's
// id, without parameters outside of dev.
func TestSlowQuery(t *testing.T) {
	t.Parallel()
	w := watch(t, func(o *db.Options) { o.SlowQuery = 300 * time.Millisecond })
	unlock := w.lockThings()
	done := w.later("GET", "/things/4711", "", "X-Request-ID: slow", "traceparent: "+traceHeader)
	dbtest.Eventually(t, "the statement is sent", func() bool { return w.figure("db_pool_checked_out") == 1 })
	time.Sleep(500 * time.Millisecond)
	unlock()
	if got := <-done; got.Status != 404 {
		t.Errorf("%v, want 404", got)
	}
	lines := w.lines("slow query", "slow")
	if len(lines) != 1 || lines[0]["level"] != "WARN" || lines[0]["ms"].(float64) < 300 || lines[0]["trace_id"] != traceOfIt {
		t.Fatalf("want one line of at least 300 ms: %v", lines)
	}
	if sql := lines[0]["sql"].(string); !strings.HasPrefix(sql, "SELECT") || strings.Contains(w.Log.String(), "params") {
		t.Errorf("want the statement and no parameters: %v", lines[0])
	}
	for _, limit := range []time.Duration{0, time.Hour} {
		if w := watch(t, func(o *db.Options) { o.SlowQuery = limit }); w.want(200, "GET", "/things", "") == "" || len(w.lines("slow query", "")) > 0 {
			t.Errorf("logged as slow with DB_SLOW_QUERY=%v", limit)
		}
	}
}

// TestEcho shows the whole transaction of a request, in its order and under its id.
func TestEcho(t *testing.T) {
	t.Parallel()
	for _, dev := range []bool{true, false} {
		w := watch(t, func(o *db.Options) { o.Echo, o.Dev = true, dev })
		w.want(201, "POST", "/things", webtest.Body, "X-Request-ID: write")
		w.want(200, "GET", "/things", "", "X-Request-ID: read")
		w.want(404, "GET", "/things/987654", "", "X-Request-ID: fail")
		w.want(400, "POST", "/things", "{", "X-Request-ID: none")
		want := map[string][]string{
			"write": {"BEGIN", "INSERT", "COMMIT"}, "read": {"BEGIN READ ONLY", "SELECT", "COMMIT"},
			"fail": {"BEGIN READ ONLY", "SELECT", "ROLLBACK"}, "none": nil,
		}
		for id, statements := range want {
			if n := len(statements); n > 0 {
				dbtest.Eventually(t, "the transaction's end", func() bool { return len(w.echoed(id)) == n }) // a reader's comes after its answer
			}
			if diff := cmp.Diff(statements, w.echoed(id)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", id, diff)
			}
		}
		if shown := strings.Contains(w.Log.String(), "a.wav"); shown != dev {
			t.Errorf("dev %t: parameters shown: %t", dev, shown)
		}
	}
}

// echoed returns what DB_ECHO showed of a request, of longer statements the first word.
func (w *served) echoed(id string) []string {
	w.t.Helper()
	var statements []string
	for _, line := range w.lines("sql", id) {
		statement := line["sql"].(string)
		if word := strings.Fields(statement)[0]; word == "INSERT" || word == "SELECT" {
			statement = word
		}
		statements = append(statements, statement)
	}
	return statements
}
