//go:build faults

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
)

// load is what clients do to a service, and what they got to see of it. Each
// creates things, one after the other, claims them and reads them.
type load struct {
	address string
	pause   time.Duration // of a client, after each answer
	stopped chan struct{}
	clients sync.WaitGroup

	mu        sync.Mutex
	statuses  map[int]int
	longest   time.Duration
	failures  []error // of connections that were not announced to close
	noServer  int
	closing   int             // answers with Connection: close
	created   map[string]bool // titles for which a 201 came
	claimed   map[string]bool // titles whose move to processing got 200
	successes []time.Time
}

// startLoad starts clients that go on until stop, at the latest the test's end.
func startLoad(t *testing.T, p *process, clients int, pause time.Duration) *load {
	t.Helper()
	l := &load{
		address: strings.TrimPrefix(p.url(), "http://"), pause: pause, stopped: make(chan struct{}),
		statuses: make(map[int]int), created: make(map[string]bool), claimed: make(map[string]bool),
	}
	for client := range clients {
		l.clients.Go(func() { l.write(client) })
	}
	t.Cleanup(l.stop)
	return l
}

// stop lets every client finish with its thing.
func (l *load) stop() {
	select {
	case <-l.stopped:
	default:
		close(l.stopped)
	}
	l.clients.Wait()
}

func (l *load) write(client int) {
	c := &wireClient{address: l.address}
	defer c.hangUp()
	for n := 0; ; n++ {
		title := fmt.Sprintf("client %d thing %d", client, n)
		a := l.do(c, http.MethodPost, "/things", fmt.Sprintf(`{"title":%q,"link":"https://example.com/a.wav"}`, title))
		if a.status == http.StatusCreated {
			l.note(l.created, title)
			path := a.header.Get("Location")
			if l.do(c, http.MethodPatch, path, `{"status":"processing"}`).status == http.StatusOK {
				l.note(l.claimed, title)
			}
			l.do(c, http.MethodGet, path, "")
		}
		select {
		case <-l.stopped:
			return
		default:
		}
	}
}

func (l *load) note(titles map[string]bool, title string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	titles[title] = true
}

// do makes one request, books its outcome and pauses.
func (l *load) do(c *wireClient, method, path, body string) answer {
	sent := time.Now()
	a, err := c.do(method, path, body)
	l.book(a, err, time.Since(sent))
	pause := l.pause
	if err != nil || a.status == http.StatusServiceUnavailable {
		pause = max(pause, 10*time.Millisecond) // else nothing but refusals would be measured
	}
	select {
	case <-l.stopped:
	case <-time.After(pause):
	}
	return a
}

func (l *load) book(a answer, err error, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case errors.Is(err, errNoServer):
		l.noServer++
	case err != nil:
		l.failures = append(l.failures, err)
	default:
		l.statuses[a.status]++
		l.longest = max(l.longest, took)
		if a.close {
			l.closing++
		}
		if a.status < http.StatusMultipleChoices {
			l.successes = append(l.successes, time.Now())
		}
		if word := telling(a); word != "" {
			l.failures = append(l.failures, fmt.Errorf("the answer tells its cause by %q: %s", word, a.body))
		}
	}
}

// recovery waits for the first 2xx after a moment and returns how long that took.
func (l *load) recovery(t *testing.T, since time.Time) time.Duration {
	t.Helper()
	var first time.Time
	dbtest.Eventually(t, "a 2xx", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		at := slices.IndexFunc(l.successes, since.Before)
		if at >= 0 {
			first = l.successes[at]
		}
		return at >= 0
	})
	return first.Sub(since)
}

// String is the figures, for the test's log.
func (l *load) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := 0
	for _, n := range l.statuses {
		total += n
	}
	return fmt.Sprintf("%d requests, statuses %v, longest %v, %d created, %d failures, %d times no server",
		total, l.statuses, l.longest.Round(time.Millisecond), len(l.created), len(l.failures), l.noServer)
}

// expect fails for statuses other than those, for connections that broke, and
// for answers later than limit.
func (l *load) expect(t *testing.T, limit time.Duration, statuses ...int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for status, n := range l.statuses {
		if !slices.Contains(statuses, status) {
			t.Errorf("%d answers with status %d", n, status)
		}
	}
	for i, err := range l.failures {
		if i < 5 {
			t.Errorf("%d failures, %d: %v", len(l.failures), i+1, err)
		}
	}
	if l.longest > limit {
		t.Errorf("the longest answer took %v, want %v at most", l.longest, limit)
	}
}

// durable compares what was acknowledged with what the database holds.
func (l *load) durable(t *testing.T, url string) {
	t.Helper()
	stored := make(map[string]bool) // to whether it is claimed
	rows, err := dbtest.Connect(t, url).Query(context.WithoutCancel(t.Context()), "SELECT title, status <> 'pending' FROM test_things")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var title string
		var claimed bool
		if err := rows.Scan(&title, &claimed); err != nil {
			t.Fatal(err)
		}
		if _, twice := stored[title]; twice {
			t.Errorf("%s is there twice", title)
		}
		stored[title] = claimed
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	l.compare(t, stored)
}

func (l *load) compare(t *testing.T, stored map[string]bool) {
	t.Helper()
	lost := 0
	for title := range l.created {
		if claimed, there := stored[title]; !there || l.claimed[title] && !claimed {
			lost++
		}
	}
	if lost > 0 || len(l.created) == 0 {
		t.Errorf("%d of %d acknowledged things are lost", lost, len(l.created))
	}
	t.Logf("%d acknowledged, %d stored, %d lost", len(l.created), len(stored), lost)
}
