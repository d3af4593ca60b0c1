//go:build faults

package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// mixed are requests of every kind. An abort hangs up without reading the answer.
var mixed = []struct {
	method, path, body string
	status             int
	abort              bool
}{
	{http.MethodPost, "/things", newThing, http.StatusCreated, false},
	{http.MethodGet, "/things?limit=5", "", http.StatusOK, false},
	{http.MethodGet, "/things/999999999", "", http.StatusNotFound, false},
	{http.MethodPost, "/things", `{"title":`, http.StatusBadRequest, false},
	{http.MethodPost, "/things", `{"title":"","link":"ftp://x"}`, http.StatusUnprocessableEntity, false},
	{http.MethodPatch, "/things/1", `{"status":"processed"}`, http.StatusConflict, false},
	{http.MethodPut, "/things", "", http.StatusMethodNotAllowed, false},
	{http.MethodGet, "/things?cursor=nonsense", "", http.StatusUnprocessableEntity, false},
	{http.MethodPost, "/things", newThing, 0, true},
	{http.MethodPatch, "/things/1", `{"title":"New"}`, http.StatusOK, false},
}

// leaks sends 20,000 requests and compares what the process holds before and after.
func leaks(t *testing.T, start starter) {
	const clients, requests = 20, 20_000
	url := dbtest.Things(t)
	p := start(t, map[string]string{"DATABASE_URL": url, "DB_OVERFLOW_IDLE": "0.5"})
	dbtest.Exec(t, url, "INSERT INTO test_things (title, link) VALUES ('first', 'https://example.com/a.wav')")
	mix(t, p, clients, requests/20) // so that all is opened and grown that stays
	settle(t, p, url)
	before := holdings(t, p)
	mix(t, p, clients, requests)
	settle(t, p, url)
	after := holdings(t, p)
	p.until("goroutines and files are back", func() bool {
		after = holdings(t, p)
		return after.goroutines <= before.goroutines+5 && after.files <= before.files+5
	})
	t.Logf("before %+v, after %+v", before, after)
	if after.mebibytes > before.mebibytes+32 {
		t.Errorf("memory went from %.0f to %.0f MiB", before.mebibytes, after.mebibytes)
	}
	whole(t, p, url)
}

// mix sends the requests, each kind as often as every other.
func mix(t *testing.T, p *process, clients, requests int) {
	t.Helper()
	address := strings.TrimPrefix(p.url(), "http://")
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			c := &wireClient{address: address}
			defer c.hangUp()
			for i := range requests / clients {
				if err := mixOne(c, client+i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func mixOne(c *wireClient, n int) error {
	m := mixed[n%len(mixed)]
	if m.abort {
		defer c.hangUp()
		return c.send(m.method, m.path, m.body)
	}
	a, err := c.do(m.method, m.path, m.body)
	if err == nil && a.status != m.status {
		err = fmt.Errorf("%s %s: %d, want %d", m.method, m.path, a.status, m.status)
	}
	return err
}

// settle waits until the overflow is closed and aborted requests have ended.
func settle(t *testing.T, p *process, url string) {
	t.Helper()
	p.until("five connections and no request", func() bool {
		return backends(t, url) == 5 && metric(t, p, "http_requests_in_flight") == 0 && metric(t, p, "db_pool_checked_out") == 0
	})
}

type held struct{ goroutines, files, mebibytes float64 }

func holdings(t *testing.T, p *process) held {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	get(t, p.await(`admin=(http://\S+)`)[1]+"/debug/pprof/heap?gc=1")
	return held{metric(t, p, "go_goroutines"), metric(t, p, "process_open_fds"), metric(t, p, resident) / mebibyte}
}
