//go:build faults

package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
)

// onceKeys is how many things are created, each under a key of its own.
const onceKeys = 1000

// TestFaultExactlyOnce has clients repeat each POST until it has a 2xx, and once
// more, while backends are killed, lines are cut at COMMIT, and the service is
// killed and started again: each key's thing is there once, and all of its
// answers name it.
func TestFaultExactlyOnce(t *testing.T) {
	t.Parallel()
	url := dbtest.Things(t)
	proxy := dbtest.NewProxy(t, url)
	o := &onceLoad{t: t, done: make(chan int, onceKeys)}
	serve := func() *process {
		p := start(t, map[string]string{"DATABASE_URL": proxy.URL()})
		address := strings.TrimPrefix(p.url(), "http://")
		o.address.Store(&address)
		return p
	}
	p := serve()
	keys := make(chan int, onceKeys)
	for key := range onceKeys {
		keys <- key
	}
	close(keys)
	var clients sync.WaitGroup
	for range 12 {
		clients.Go(func() { o.work(keys) })
	}
	killer := dbtest.Connect(t, url)
	// Faults come by progress, so that as many come on a slow machine.
	for n := range onceKeys {
		<-o.done
		switch {
		case n%250 == 125:
			p.signal(syscall.SIGKILL)
			p.status()
			p = serve()
		case n%40 == 0:
			proxy.CutNext(dbtest.AfterCommit, 3)
		case n%40 == 20:
			proxy.CutNext(dbtest.BeforeCommit, 3)
		case n%40 == 5:
			if _, err := killer.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND starts_with(application_name, 'transcription-api ')`); err != nil {
				t.Error(err)
			}
		}
	}
	clients.Wait()
	o.report()
	if n := count(t, url, "SELECT count(*) FROM test_things"); n != onceKeys {
		t.Errorf("%d things, want %d", n, onceKeys)
	}
	if n := count(t, url, "SELECT count(DISTINCT title) FROM test_things"); n != onceKeys {
		t.Errorf("%d things that differ, want %d", n, onceKeys)
	}
	whole(t, p, proxy.URL())
}

// onceLoad is what the clients of TestFaultExactlyOnce share.
type onceLoad struct {
	t        *testing.T
	address  atomic.Pointer[string] // changes when the service starts again
	done     chan int
	repeats  atomic.Int64
	replayed atomic.Int64 // where the first 2xx that a client saw was an earlier answer already
}

func (o *onceLoad) work(keys <-chan int) {
	c := &wireClient{}
	defer c.hangUp()
	for key := range keys {
		c.headers = fmt.Sprintf("Idempotency-Key: key-%d\r\n", key)
		body := fmt.Sprintf(`{"title":"thing %d","link":"https://example.com/a.wav"}`, key)
		first := o.untilDone(c, body)
		if first.header.Get("Idempotent-Replayed") != "" {
			o.replayed.Add(1)
		}
		again := o.untilDone(c, body)
		if again.body != first.body || again.header.Get("Location") != first.header.Get("Location") || again.header.Get("Idempotent-Replayed") != "true" {
			o.t.Errorf("key %d: %+v, then %+v", key, first, again)
		}
		o.done <- key
	}
}

// untilDone repeats a request until it has a 2xx.
func (o *onceLoad) untilDone(c *wireClient, body string) answer {
	for end := time.Now().Add(2 * patience); ; time.Sleep(10 * time.Millisecond) {
		if address := *o.address.Load(); c.address != address {
			c.hangUp()
			c.address = address
		}
		a, err := c.do(http.MethodPost, "/things", body)
		retry := a.header.Get("Retry-After") != "" && (a.status == http.StatusConflict || a.status == http.StatusServiceUnavailable)
		switch {
		case err == nil && a.status == http.StatusCreated:
			return a
		case err == nil && !retry:
			o.t.Errorf("%s: %d %s", c.headers, a.status, a.body)
			return a
		case time.Now().After(end):
			o.t.Errorf("%s: no 2xx: %d %v", c.headers, a.status, err)
			return a
		}
		o.repeats.Add(1)
	}
}

// report fails if there was nothing to repeat: then the faults have missed.
func (o *onceLoad) report() {
	o.t.Logf("%d repeats, %d keys whose first answer was lost", o.repeats.Load(), o.replayed.Load())
	if o.repeats.Load() < 100 || o.replayed.Load() < 10 {
		o.t.Error("the faults have missed the requests")
	}
}

// TestFaultStandbyRepeat: the row of a POST whose COMMIT no standby has confirmed
// is there to be seen, and may be lost in a failover. A repeat must not promise
// it before the standby has it.
func TestFaultStandbyRepeat(t *testing.T) {
	t.Parallel()
	server := startPostgres(t, map[string]string{"synchronous_commit": "on"})
	p := start(t, map[string]string{"DATABASE_URL": server.URL(), "REQUEST_TIMEOUT": "0.5"})
	c := &wireClient{address: strings.TrimPrefix(p.url(), "http://"), headers: "Idempotency-Key: a\r\n"}
	defer c.hangUp()
	post := func() answer {
		a, err := c.do(http.MethodPost, "/things", `{"title":"standby","link":"https://example.com/a.wav"}`)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	setServer(t, server.URL(), "synchronous_standby_names", "missing")
	if a := post(); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "same Idempotency-Key") {
		t.Errorf("while the standby is missing: %+v", a)
	}
	dbtest.Eventually(t, "the row is there to be seen", func() bool { return count(t, server.URL(), "SELECT count(*) FROM test_things") == 1 })
	for range 2 {
		if a := post(); a.status < http.StatusConflict {
			t.Errorf("the repeat promises what may be lost: %+v", a)
		}
	}
	setServer(t, server.URL(), "synchronous_standby_names", "")
	var a answer
	dbtest.Eventually(t, "a 2xx", func() bool { a = post(); return a.status == http.StatusCreated })
	if n := count(t, server.URL(), "SELECT count(*) FROM test_things"); n != 1 || a.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d things, %+v", n, a)
	}
}
