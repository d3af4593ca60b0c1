//go:build faults

package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
)

// behindProxy starts the API with its database behind a proxy.
func behindProxy(t *testing.T) (p *process, proxy *dbtest.Proxy, url string) {
	t.Helper()
	url = dbtest.New(t)
	proxy = dbtest.NewProxy(t, url)
	p = start(t, map[string]string{
		"DATABASE_URL": proxy.URL(), "DB_CONNECT_TIMEOUT": "2", "DB_POOL_TIMEOUT": "3", "REQUEST_TIMEOUT": "4",
	})
	p.url()
	return p, proxy, url
}

// create makes one item over a connection of its own.
func create(t *testing.T, p *process, title string) (answer, time.Duration) {
	t.Helper()
	c := &wireClient{address: strings.TrimPrefix(p.url(), "http://")}
	defer c.hangUp()
	sent := time.Now()
	a, err := c.do(http.MethodPost, "/items", fmt.Sprintf(`{"title":%q,"audio_url":"https://example.com/a.wav"}`, title))
	if err != nil {
		t.Fatal(err)
	}
	if word := telling(a); word != "" {
		t.Errorf("the answer tells its cause by %q: %s", word, a.body)
	}
	return a, time.Since(sent)
}

func titled(t *testing.T, url, title string) int {
	t.Helper()
	return count(t, url, "SELECT count(*) FROM items WHERE title = $1", title)
}

func TestFaultLatency(t *testing.T) {
	t.Parallel()
	p, proxy, _ := behindProxy(t)
	if a, _ := create(t, p, "warm"); a.status != http.StatusCreated {
		t.Fatalf("without latency: %d", a.status)
	}
	proxy.Latency(50 * time.Millisecond)
	before := proxy.RoundTrips()
	a, took := create(t, p, "slow")
	if trips := proxy.RoundTrips() - before; a.status != http.StatusCreated || took < 100*time.Millisecond || trips > 3 {
		// BEGIN with INSERT, COMMIT; one more where the connection has not yet prepared the INSERT
		t.Errorf("status %d after %v and %d round trips, want 201 after 2 or 3 of 50 ms", a.status, took, trips)
	}
	l := startLoad(t, p, 20, 0)
	time.Sleep(2 * time.Second)
	l.stop()
	t.Log(l)
	l.expect(t, answerLimit, http.StatusOK, http.StatusCreated)
}

func TestFaultStall(t *testing.T) {
	t.Parallel()
	p, proxy, url := behindProxy(t)
	l := startLoad(t, p, 10, 0)
	time.Sleep(500 * time.Millisecond)
	for _, length := range []time.Duration{500 * time.Millisecond, 6 * time.Second} {
		proxy.Stall()
		time.Sleep(length)
		proxy.Pass()
		recovered(t, l, fmt.Sprintf("a stall of %v", length))
	}
	l.stop()
	t.Log(l)
	l.expect(t, 15*time.Second, http.StatusOK, http.StatusCreated, http.StatusConflict, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	l.durable(t, url)
	whole(t, p, url)
}

// recovered waits for a 2xx after the fault's end.
func recovered(t *testing.T, l *load, fault string) {
	t.Helper()
	took := l.recovery(t, time.Now())
	t.Logf("first 2xx %v after %s", took.Round(time.Millisecond), fault)
	if took > 2*time.Second+recoveryLimit { // DB_CONNECT_TIMEOUT, and some room
		t.Errorf("first 2xx only %v after %s", took, fault)
	}
}

// TestFaultBlackHole bounds what a request may wait for a line that is dead and
// does not say so: REQUEST_TIMEOUT, and 2 s for COMMIT.
func TestFaultBlackHole(t *testing.T) {
	t.Parallel()
	p, proxy, url := behindProxy(t)
	l := startLoad(t, p, 20, 0)
	time.Sleep(500 * time.Millisecond)
	proxy.BlackHole()
	ended := time.After(8 * time.Second)
	probes(t, p)
	<-ended
	proxy.Pass()
	recovered(t, l, "a black hole of 8 s")
	time.Sleep(500 * time.Millisecond)
	l.stop()
	t.Log(l)
	l.expect(t, 15*time.Second, http.StatusOK, http.StatusCreated, http.StatusConflict, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	l.durable(t, url)
	p.until("the pool is whole", func() bool { f := pool(t, p.url()); return f.Status == "ok" && f.Pool.CheckedOut == 0 })
}

// probes asks them while the database does not answer.
func probes(t *testing.T, p *process) {
	t.Helper()
	for path, want := range map[string]int{"/health/live": 200, "/health/ready": 503, "/health/db": 503} {
		sent := time.Now()
		a := get(t, p.url()+path)
		took := time.Since(sent)
		t.Logf("%s: %d after %v", path, a.status, took.Round(time.Millisecond))
		if a.status != want || took > 10*time.Second { // 3 s, on a machine with time to spare
			t.Errorf("%s: %d after %v, want %d within 3 s", path, a.status, took, want)
		}
	}
}

// TestFaultReset resets the line at three places. Whether the item is there is
// known only of the first two, and nothing is ever sent twice.
func TestFaultReset(t *testing.T) {
	t.Parallel()
	p, proxy, url := behindProxy(t)
	tests := []struct {
		name    string
		cut     dbtest.Cut
		rows    int
		unknown bool
	}{
		{"in mid-answer", dbtest.InAnswer, 0, false},
		{"before COMMIT", dbtest.BeforeCommit, 0, true},
		{"after COMMIT", dbtest.AfterCommit, 1, true},
	}
	unknown, logged := 0, func() int { return strings.Count(p.output.String(), "outcome of COMMIT unknown") }
	for _, test := range tests {
		proxy.CutNext(test.cut, 1)
		a, took := create(t, p, test.name)
		t.Logf("%s: %d after %v", test.name, a.status, took.Round(time.Millisecond))
		if a.status != http.StatusServiceUnavailable || strings.Contains(a.body, "not known") != test.unknown {
			t.Errorf("%s: %d %s", test.name, a.status, a.body)
		}
		if got := titled(t, url, test.name); got != test.rows {
			t.Errorf("%s: %d rows, want %d", test.name, got, test.rows)
		}
		if test.unknown {
			unknown++
			p.until("it is logged as unknown", func() bool { return logged() >= unknown })
		}
		if a, _ := create(t, p, "next"); a.status != http.StatusCreated {
			t.Errorf("the request after it: %d", a.status)
		}
	}
	whole(t, p, url)
	if n := logged(); n != unknown {
		t.Errorf("%d logged as unknown, want %d", n, unknown)
	}
}

// TestFaultResetUnderLoad resets every line time and again.
func TestFaultResetUnderLoad(t *testing.T) {
	t.Parallel()
	p, proxy, url := behindProxy(t)
	l := startLoad(t, p, 20, 0)
	for range 20 {
		time.Sleep(100 * time.Millisecond)
		proxy.Reset()
		proxy.CutNext(dbtest.AfterCommit, 3)
		proxy.CutNext(dbtest.BeforeCommit, 3)
		proxy.CutNext(dbtest.InAnswer, 3)
	}
	recovered(t, l, "the last reset")
	l.stop()
	t.Log(l)
	l.expect(t, 15*time.Second, http.StatusOK, http.StatusCreated, http.StatusConflict, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	l.durable(t, url)
	whole(t, p, url)
}
