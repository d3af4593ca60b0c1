package load

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestHistogram is as exact as it says: 1 % at most.
func TestHistogram(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	var h histogram
	all := make([]time.Duration, 10_000)
	for i := range all {
		all[i] = time.Duration(math.Exp(rng.Float64()*14+10)) * time.Nanosecond // 22 µs to 26 s
		h.add(all[i])
	}
	slices.Sort(all)
	for _, p := range []float64{.01, .5, .9, .99, 1} {
		want := all[int(p*float64(len(all)))-1]
		if got := h.percentile(p); math.Abs(float64(got-want)) > .01*float64(want) {
			t.Errorf("percentile %v: %v, want %v", p, got, want)
		}
	}
	if got := new(histogram).percentile(.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	h.add(math.MaxInt64) // has a place, too
}

// counting counts requests by method and answers as the service would.
type counting struct {
	mu     sync.Mutex
	seen   map[string]int
	bodies []string
	fail   bool
}

func (s *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[r.Method+" "+strings.TrimRight(r.URL.Path, "0123456789")]++
	s.bodies = append(s.bodies, string(body))
	switch {
	case s.fail:
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusCreated)
	}
}

func TestRunSends(t *testing.T) {
	t.Parallel()
	for work, want := range map[Work]string{Get: "GET /items/", List: "GET /items", Create: "POST /items", Patch: "PATCH /items/"} {
		s := &counting{seen: make(map[string]int)}
		server := httptest.NewServer(s)
		warmed := 0
		result, err := Run(Options{Address: server.Listener.Addr().String(), Work: work, Clients: 3, Requests: 20, Rows: 100}, func() error {
			s.mu.Lock()
			defer s.mu.Unlock()
			warmed = s.seen[want]
			return nil
		})
		server.Close()
		if err != nil || result.Requests != 60 || s.seen[want] != 60+warmed || warmed == 0 || len(s.seen) != 1 {
			t.Errorf("%s: %+v, %v; %d to warm up; the server saw %v", work, result, err, warmed, s.seen)
		}
		if result.P50 <= 0 || result.P99 < result.P50 || result.PerSecond() <= 0 {
			t.Errorf("%s: %+v", work, result)
		}
		if work == Create && s.bodies[0] != createBody || work == Patch && !strings.HasPrefix(s.bodies[0], `{"title":"Interview `) {
			t.Errorf("%s: sent %q", work, s.bodies[0])
		}
	}
}

// TestRunFor a time counts what was answered in it.
func TestRunFor(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&counting{seen: make(map[string]int)})
	t.Cleanup(server.Close)
	window := 100 * time.Millisecond
	result, err := Run(Options{Address: server.Listener.Addr().String(), Work: Get, Clients: 2, Window: window, Rows: 1}, func() error { return nil })
	if err != nil || result.Elapsed < window || result.Requests < 2 {
		t.Errorf("%+v, %v", result, err)
	}
}

// TestRunFails where figures would hold failures.
func TestRunFails(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&counting{seen: make(map[string]int), fail: true})
	t.Cleanup(server.Close)
	o := Options{Address: server.Listener.Addr().String(), Work: Get, Clients: 2, Requests: 5, Rows: 1}
	if _, err := Run(o, func() error { return nil }); err == nil || !strings.Contains(err.Error(), "answered 503, want 200") {
		t.Errorf("503: %v", err)
	}
	o.Work = "dance"
	if _, err := Run(o, func() error { return nil }); err == nil {
		t.Error("an unknown work was done")
	}
	gone := errors.New("gone")
	o.Work, o.Address = Get, closedAddress(t)
	if _, err := Run(o, func() error { return gone }); err == nil || errors.Is(err, gone) {
		t.Errorf("nobody listens: %v", err)
	}
}

func closedAddress(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(nil)
	defer server.Close()
	return server.Listener.Addr().String()
}
