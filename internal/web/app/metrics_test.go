package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/webtest"
)

// TestMetricsLabels compares all series of http_requests_total, and the
// histogram's counts, after one request of each kind: clients can make none of
// their own, whatever they send.
func TestMetricsLabels(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.want(201, "POST", "/things", webtest.Body)
	w.want(201, "POST", "/things", webtest.Body)
	w.want(400, "POST", "/things", "{")
	w.want(200, "GET", "/things/1?a=b", "")
	w.want(404, "GET", "/things/987654", "")
	w.want(404, "GET", "/things/abc", "")
	w.want(200, "HEAD", "/things/1", "")
	w.want(200, "GET", "/health/live", "")
	for i := range 3 {
		w.want(404, "GET", fmt.Sprintf("/nothing/%d", i), "")
		w.want(405, "PUT", "/things", "")
		w.want(405, fmt.Sprintf("BREW%d", i), "/things", "")
		w.want(404, fmt.Sprintf("BREW%d", i), "/nothing", "")
	}
	w.want(500, "GET", "/panic", "")
	for _, path := range []string{"/panic/late", "/panic/gone"} {
		if _, err := w.Try(t.Context(), "POST", path, nil); err == nil {
			t.Errorf("%s: the answer looks whole", path)
		}
	}
	got, _ := w.figures()
	want := map[string]float64{
		`{method="POST",route="/things",status="201"}`:     2,
		`{method="POST",route="/things",status="400"}`:     1,
		`{method="GET",route="/things/:id",status="200"}`:  1,
		`{method="GET",route="/things/:id",status="404"}`:  2,
		`{method="HEAD",route="/things/:id",status="200"}`: 1,
		`{method="GET",route="/health/live",status="200"}`: 1,
		`{method="GET",route="unmatched",status="404"}`:    3,
		`{method="PUT",route="unmatched",status="405"}`:    3,
		`{method="other",route="unmatched",status="405"}`:  3,
		`{method="other",route="unmatched",status="404"}`:  3,
		`{method="GET",route="/panic",status="500"}`:       1,
		`{method="POST",route="/panic/late",status="500"}`: 1,
		`{method="POST",route="/panic/gone",status="499"}`: 1,
	}
	for _, name := range []string{"http_requests_total", "http_request_duration_seconds_count"} {
		if diff := cmp.Diff(want, series(got, name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got["http_requests_in_flight"] != 0 {
		t.Errorf("%v requests in flight after the last", got["http_requests_in_flight"])
	}
}

// series returns the series of one metric that have counted something, by their labels.
func series(values map[string]float64, name string) map[string]float64 {
	found := map[string]float64{}
	for key, value := range values {
		if labels, ok := strings.CutPrefix(key, name+"{"); ok && value != 0 {
			found["{"+labels] = value
		}
	}
	return found
}

// TestMetricsClientGone hangs up in mid-statement: 499, and no 5xx.
func TestMetricsClientGone(t *testing.T) {
	t.Parallel()
	w := watch(t)
	unlock := w.lockThings()
	defer unlock()
	ctx, hangUp := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := w.Try(ctx, "GET", "/things/1", nil)
		gone <- err
	}()
	dbtest.Eventually(t, "the request holds a connection", func() bool { return w.figure("db_pool_checked_out") == 1 })
	hangUp()
	if err := <-gone; err == nil {
		t.Fatal("an answer came")
	}
	want := map[string]float64{`{method="GET",route="/things/:id",status="499"}`: 1}
	dbtest.Eventually(t, "it is counted", func() bool { got, _ := w.figures(); return len(series(got, "http_requests_total")) > 0 })
	got, _ := w.figures()
	if diff := cmp.Diff(want, series(got, "http_requests_total")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMetricsPool holds all three connections and lets two requests wait: /metrics and /health/db show the same, before, then and afterwards.
func TestMetricsPool(t *testing.T) {
	t.Parallel()
	w := watch(t)
	if got := w.agreed("ok"); got["checked_in"] != 2 || got["checked_out"] != 0 || got["size"] != 2 || got["max_overflow"] != 1 {
		t.Errorf("before: %v", got)
	}
	unlock := w.lockThings()
	var clients sync.WaitGroup
	for range 5 {
		clients.Go(func() {
			if got, err := w.Try(t.Context(), "GET", "/things", nil); got.Status != 200 || err != nil {
				t.Errorf("GET /things: %v %v", got, err)
			}
		})
	}
	dbtest.Eventually(t, "two requests wait", func() bool { return w.figure("db_pool_waiting") == 2 && w.figure("db_pool_checked_out") == 3 })
	want := map[string]float64{"size": 2, "max_overflow": 1, "checked_in": 0, "checked_out": 3, "overflow": 1, "waiting": 2}
	if diff := cmp.Diff(want, w.agreed("exhausted")); diff != "" {
		t.Errorf("exhausted (-want +got):\n%s", diff)
	}
	if got := w.figure("http_requests_in_flight"); got != 5 {
		t.Errorf("%v requests in flight, want 5", got)
	}
	const atLeast = 0.1 // seconds that the two still wait
	time.Sleep(100 * time.Millisecond)
	unlock()
	clients.Wait()
	dbtest.Eventually(t, "the readers' COMMITs, which follow their answers", func() bool { return w.figure("db_pool_checked_out") == 0 })
	want = map[string]float64{"size": 2, "max_overflow": 1, "checked_in": 3, "checked_out": 0, "overflow": 1, "waiting": 0}
	if diff := cmp.Diff(want, w.agreed("ok")); diff != "" {
		t.Errorf("afterwards (-want +got):\n%s", diff)
	}
	got, _ := w.figures()
	if got["db_pool_acquires_total"] != 5 || got["db_pool_timeouts_total"] != 0 || got["db_pool_connections_opened_total"] != 3 {
		t.Errorf("acquires %v, time-outs %v, opened %v; want 5, 0, 3",
			got["db_pool_acquires_total"], got["db_pool_timeouts_total"], got["db_pool_connections_opened_total"])
	}
	if waited := got["db_pool_wait_seconds_total"]; waited < 2*atLeast {
		t.Errorf("waited %v s in all, want at least %v: two waited that long", waited, 2*atLeast)
	}
}

// agreed returns the pool's gauges, having compared /metrics with /health/db.
func (w *served) agreed(status string) map[string]float64 {
	w.t.Helper()
	var health struct {
		Status string
		Pool   map[string]float64
	}
	if err := json.Unmarshal([]byte(w.want(200, "GET", "/health/db", "")), &health); err != nil {
		w.t.Fatal(err)
	}
	if health.Status != status {
		w.t.Errorf("status %q, want %q", health.Status, status)
	}
	values, _ := w.figures()
	if health.Pool["timeouts"] != values["db_pool_timeouts_total"] {
		w.t.Errorf("%v time-outs in /health/db, %v in /metrics", health.Pool["timeouts"], values["db_pool_timeouts_total"])
	}
	delete(health.Pool, "timeouts")
	for name, value := range health.Pool {
		if got, ok := values["db_pool_"+name]; !ok || got != value {
			w.t.Errorf("%s: %v in /health/db, %v in /metrics", name, value, got)
		}
	}
	return health.Pool
}

// TestMetricsPoolTimeout counts the requests that wait in vain, and how long.
func TestMetricsPoolTimeout(t *testing.T) {
	t.Parallel()
	w := watch(t, func(o *db.Options) { o.PoolSize, o.MaxOverflow, o.PoolTimeout = 1, 0, time.Second })
	unlock := w.lockThings()
	holder := w.later("GET", "/things", "")
	dbtest.Eventually(t, "the connection is out", func() bool { return w.figure("db_pool_checked_out") == 1 })
	w.want(503, "GET", "/things", "")
	w.want(503, "GET", "/things", "")
	got, _ := w.figures()
	if got["db_pool_timeouts_total"] != 2 || got["db_pool_acquires_total"] != 1 || got["db_pool_wait_seconds_total"] < 2 {
		t.Errorf("time-outs %v, acquires %v, waited %v s; want 2, 1, at least 2",
			got["db_pool_timeouts_total"], got["db_pool_acquires_total"], got["db_pool_wait_seconds_total"])
	}
	unlock()
	if got := <-holder; got.Status != 200 {
		t.Errorf("the one with the connection: %v", got)
	}
}

// TestMetricsProbes: neither health probes nor scrapes are in the pool's
// figures, not even while they run.
func TestMetricsProbes(t *testing.T) {
	t.Parallel()
	w := watch(t)
	var probes sync.WaitGroup
	for _, path := range []string{"/health/live", "/health/ready", "/health/db"} {
		probes.Go(func() {
			for range 50 {
				if got, err := w.Try(t.Context(), "GET", path, nil); got.Status != 200 || err != nil || strings.Contains(got.Body, "exhausted") {
					t.Errorf("%s: %v %v", path, got, err)
				}
			}
		})
	}
	for range 50 {
		if out := w.figure("db_pool_checked_out"); out != 0 {
			t.Errorf("%v checked out by a probe", out)
		}
	}
	probes.Wait()
	got, _ := w.figures()
	for _, name := range []string{"db_pool_acquires_total", "db_pool_wait_seconds_total", "db_pool_timeouts_total", "db_pool_waiting"} {
		if value, ok := got[name]; !ok || value != 0 {
			t.Errorf("%s is %v, want 0", name, value)
		}
	}
	if got[`http_requests_total{method="GET",route="/health/db",status="200"}`] != 50 {
		t.Error("the probes are not among the HTTP requests")
	}
}

// TestMetricsAddress: figures and profiles are on the handler for ADMIN_ADDR,
// and not on the API's.
func TestMetricsAddress(t *testing.T) {
	t.Parallel()
	w := watch(t)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap?debug=1", "/debug/pprof/cmdline", "/debug/pprof/symbol"} {
		w.want(404, "GET", path, "")
		recorder := httptest.NewRecorder()
		w.metrics.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if recorder.Code != http.StatusOK || recorder.Body.Len() == 0 {
			t.Errorf("%s on ADMIN_ADDR: %d", path, recorder.Code)
		}
	}
	recorder := httptest.NewRecorder()
	w.metrics.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/things", nil))
	if recorder.Code != http.StatusNotFound {
		t.Errorf("/things on ADMIN_ADDR: %d, want 404", recorder.Code)
	}
}
