package handlers

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
)

// TestMetricsLabels compares all series of http_requests_total, and the
// histogram's counts, after one request of each kind: clients can make none of
// their own, whatever they send.
func TestMetricsLabels(t *testing.T) {
	t.Parallel()
	w := watch(t, nil)
	w.must(201, "POST", "/items", watchedItem)
	w.must(201, "POST", "/items", watchedItem)
	w.must(400, "POST", "/items", "{")
	w.must(200, "GET", "/items/1?a=b", "")
	w.must(404, "GET", "/items/987654", "")
	w.must(404, "GET", "/items/abc", "")
	w.must(200, "HEAD", "/items/1", "")
	w.must(200, "GET", "/health/live", "")
	for i := range 3 {
		w.must(404, "GET", fmt.Sprintf("/nothing/%d", i), "")
		w.must(405, "PUT", "/items", "")
		w.must(405, fmt.Sprintf("BREW%d", i), "/items", "")
		w.must(404, fmt.Sprintf("BREW%d", i), "/nothing", "")
	}
	w.must(500, "GET", "/panic", "")
	for _, path := range []string{"/panic/late", "/panic/gone"} {
		if _, _, err := w.send(t.Context(), "POST", path, ""); err == nil {
			t.Errorf("%s: the answer looks whole", path)
		}
	}
	got, _ := w.figures()
	want := map[string]float64{
		`{method="POST",route="/items",status="201"}`:      2,
		`{method="POST",route="/items",status="400"}`:      1,
		`{method="GET",route="/items/:id",status="200"}`:   1,
		`{method="GET",route="/items/:id",status="404"}`:   2,
		`{method="HEAD",route="/items/:id",status="200"}`:  1,
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

// series returns the series of one metric, by their labels.
func series(values map[string]float64, name string) map[string]float64 {
	found := map[string]float64{}
	for key, value := range values {
		if labels, ok := strings.CutPrefix(key, name+"{"); ok {
			found["{"+labels] = value
		}
	}
	return found
}

// TestMetricsClientGone hangs up in mid-statement: 499, and no 5xx.
func TestMetricsClientGone(t *testing.T) {
	t.Parallel()
	w := watch(t, nil)
	unlock := w.lockItems()
	defer unlock()
	ctx, hangUp := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, _, err := w.send(ctx, "GET", "/items/1", "")
		gone <- err
	}()
	w.until("the request holds a connection", func() bool { return w.figure("db_pool_checked_out") == 1 })
	hangUp()
	if err := <-gone; err == nil {
		t.Fatal("an answer came")
	}
	want := map[string]float64{`{method="GET",route="/items/:id",status="499"}`: 1}
	w.until("it is counted", func() bool { got, _ := w.figures(); return len(series(got, "http_requests_total")) > 0 })
	got, _ := w.figures()
	if diff := cmp.Diff(want, series(got, "http_requests_total")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMetricsPool holds all three connections and lets two requests wait: /metrics and /health/db show the same, before, then and afterwards.
func TestMetricsPool(t *testing.T) {
	t.Parallel()
	w := watch(t, nil)
	if got := w.agreed("ok"); got["checked_in"] != 2 || got["checked_out"] != 0 || got["size"] != 2 || got["max_overflow"] != 1 {
		t.Errorf("before: %v", got)
	}
	unlock := w.lockItems()
	var clients sync.WaitGroup
	for range 5 {
		clients.Go(func() {
			if status, _, err := w.send(t.Context(), "GET", "/items", ""); status != 200 || err != nil {
				t.Errorf("GET /items: %d %v", status, err)
			}
		})
	}
	w.until("two requests wait", func() bool { return w.figure("db_pool_waiting") == 2 && w.figure("db_pool_checked_out") == 3 })
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
	w.until("the readers' COMMITs, which follow their answers", func() bool { return w.figure("db_pool_checked_out") == 0 })
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
func (w *watched) agreed(status string) map[string]float64 {
	w.t.Helper()
	var health struct {
		Status string
		Pool   map[string]float64
	}
	if err := json.Unmarshal([]byte(w.must(200, "GET", "/health/db", "")), &health); err != nil {
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
	unlock := w.lockItems()
	holder := make(chan int, 1)
	go func() {
		status, _, _ := w.send(t.Context(), "GET", "/items", "")
		holder <- status
	}()
	w.until("the connection is out", func() bool { return w.figure("db_pool_checked_out") == 1 })
	w.must(503, "GET", "/items", "")
	w.must(503, "GET", "/items", "")
	got, _ := w.figures()
	if got["db_pool_timeouts_total"] != 2 || got["db_pool_acquires_total"] != 1 || got["db_pool_wait_seconds_total"] < 2 {
		t.Errorf("time-outs %v, acquires %v, waited %v s; want 2, 1, at least 2",
			got["db_pool_timeouts_total"], got["db_pool_acquires_total"], got["db_pool_wait_seconds_total"])
	}
	unlock()
	if status := <-holder; status != 200 {
		t.Errorf("the one with the connection: %d", status)
	}
}

// TestMetricsProbes: neither health probes nor scrapes are in the pool's
// figures, not even while they run.
func TestMetricsProbes(t *testing.T) {
	t.Parallel()
	w := watch(t, nil)
	var probes sync.WaitGroup
	for _, path := range []string{"/health/live", "/health/ready", "/health/db"} {
		probes.Go(func() {
			for range 50 {
				if status, answer, err := w.send(t.Context(), "GET", path, ""); status != 200 || err != nil || strings.Contains(answer, "exhausted") {
					t.Errorf("%s: %d %v %s", path, status, err, answer)
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
	w := watch(t, nil)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap?debug=1", "/debug/pprof/cmdline", "/debug/pprof/symbol"} {
		w.must(404, "GET", path, "")
		recorder := httptest.NewRecorder()
		w.admin.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if recorder.Code != http.StatusOK || recorder.Body.Len() == 0 {
			t.Errorf("%s on ADMIN_ADDR: %d", path, recorder.Code)
		}
	}
	recorder := httptest.NewRecorder()
	w.admin.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/items", nil))
	if recorder.Code != http.StatusNotFound {
		t.Errorf("/items on ADMIN_ADDR: %d, want 404", recorder.Code)
	}
}
