package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// What the clients write, and read again by its id. Another resource takes another path and body.
const (
	loadPath = "/items"
	loadBody = `{"title":%q,"audio_url":"https://example.com/a.wav"}`
)

// clientLimit is longer than HAProxy's, so that no answer is missed.
const clientLimit = 75 * time.Second

// Load is clients that write and read in turn, and what they saw.
type Load struct {
	url    func() string // of the next request
	client *http.Client
	pause  time.Duration
	work   sync.WaitGroup
	cancel context.CancelFunc
	mu     sync.Mutex
	tally  Tally
}

// Tally is the sum of what the clients saw.
type Tally struct {
	Requests  int
	Statuses  map[int]int
	Busy      int            // 409 with Retry-After: the key is in use
	Failures  map[string]int // no HTTP answer at all, by reason
	Longest   time.Duration  // between two 2xx, whoever got them
	LastOK    time.Time
	LastWrite time.Time // the last 201
	Written   []int64   // ids that a 201 has acknowledged
	Wrong     []string
}

// startLoad starts n clients with a pause after each pair of requests, which leaves the machine to the database.
func startLoad(n int, pause time.Duration, url func() string) *Load {
	ctx, cancel := context.WithCancel(context.Background())
	transport := &http.Transport{MaxIdleConnsPerHost: n}
	l := &Load{url: url, client: &http.Client{Timeout: clientLimit, Transport: transport}, pause: pause, cancel: cancel}
	l.tally = Tally{Statuses: map[int]int{}, Failures: map[string]int{}, LastOK: time.Now()}
	for client := range n {
		l.work.Go(func() { l.run(ctx, client) })
	}
	return l
}

// Stop lets the requests under way finish, and returns the sum.
func (l *Load) Stop() Tally {
	l.cancel()
	l.work.Wait()
	l.client.CloseIdleConnections()
	t := l.Tally()
	t.Longest = max(t.Longest, time.Since(t.LastOK))
	return t
}

// Tally is the sum so far.
func (l *Load) Tally() Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tally
	t.Statuses, t.Failures = maps.Clone(t.Statuses), maps.Clone(t.Failures)
	t.Written, t.Wrong = slices.Clone(t.Written), slices.Clone(t.Wrong)
	return t
}

// lastWrite is a Tally's LastWrite for those who look often.
func (l *Load) lastWrite() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tally.LastWrite
}

// run writes a row and reads it again. Every second client gives each row a key, under which it asks until it has
// a 201: however often that is, the row must be there once.
func (l *Load) run(ctx context.Context, client int) {
	for n := 0; ctx.Err() == nil; n++ {
		title, key := "under load", ""
		if client%2 == 1 {
			title = rand.Text()
			key = title
		}
		status, body := l.do(http.MethodPost, loadPath, fmt.Sprintf(loadBody, title), key)
		for key != "" && ctx.Err() == nil && status != http.StatusCreated {
			l.wait(ctx)
			status, body = l.do(http.MethodPost, loadPath, fmt.Sprintf(loadBody, title), key)
		}
		if status == http.StatusCreated {
			l.readAgain(body)
		}
		l.wait(ctx)
	}
}

func (l *Load) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(l.pause):
	}
}

// readAgain reads what a 201 has acknowledged.
func (l *Load) readAgain(created []byte) {
	var row struct{ ID int64 }
	if err := json.Unmarshal(created, &row); err != nil {
		l.wrong(fmt.Sprintf("201 with %q", created))
		return
	}
	l.written(row.ID)
	if status, body := l.do(http.MethodGet, fmt.Sprintf("%s/%d", loadPath, row.ID), "", ""); status == http.StatusNotFound {
		l.wrong(fmt.Sprintf("GET of %d after its 201: %s", row.ID, body))
	}
}

// do ends by itself, not by the end of the load: a request that is cut off here would count as an error.
func (l *Load) do(method, path, body, key string) (int, []byte) {
	req, err := http.NewRequest(method, l.url()+path, bytes.NewReader([]byte(body)))
	if err != nil {
		l.failed(err)
		return 0, nil
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := l.client.Do(req)
	if err != nil {
		l.failed(err)
		return 0, nil
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		l.failed(err)
		return 0, nil
	}
	l.answered(resp.StatusCode, resp.Header.Get("Retry-After") != "")
	return resp.StatusCode, answer
}

func (l *Load) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.Requests++
	l.tally.Failures[err.Error()]++
}

func (l *Load) answered(status int, again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.Requests++
	l.tally.Statuses[status]++
	if status == http.StatusConflict && again {
		l.tally.Busy++
	}
	if now := time.Now(); status < 300 {
		l.tally.Longest = max(l.tally.Longest, now.Sub(l.tally.LastOK))
		l.tally.LastOK = now
	}
}

func (l *Load) written(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.Written = append(l.tally.Written, id)
	l.tally.LastWrite = time.Now()
}

func (l *Load) wrong(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.Wrong = append(l.tally.Wrong, what)
}

// OK counts the answers from 200 to 299.
func (t Tally) OK() (n int) {
	for status, count := range t.Statuses {
		if status < 300 {
			n += count
		}
	}
	return n
}

// Others counts what is neither a 2xx nor tells to try again: 503, 504, and 409 for a key whose first request has not
// ended yet, as far as PostgreSQL knows.
func (t Tally) Others() int {
	return t.Requests - t.OK() - t.Statuses[http.StatusServiceUnavailable] - t.Statuses[http.StatusGatewayTimeout] - t.Busy
}
