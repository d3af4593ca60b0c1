// Package inspect shows a developer what the last requests did: how long each waited for its connection, and which
// statements it sent, from where. It keeps no parameter, no query string and no header, and belongs on a developer's
// machine alone: package app decides where it is served.
package inspect

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web"
)

// Path is where the page is.
const Path = "/dev/requests"

// Bounds of what is kept.
const (
	maxRequests  = 200
	maxEvents    = 100 // of a request
	maxStatement = 2000
	maxPath      = 1000
)

// repeats from which a statement counts as sent in a loop, that one statement could replace.
const repeats = 3

// Requests are the last ones.
type Requests struct {
	mu   sync.Mutex
	list []*request // oldest first
}

// request is what is known of one, which may still run.
type request struct {
	mu            sync.Mutex
	start         time.Time
	method, path  string
	id            string
	status        int // 0: still running
	took          time.Duration
	waited        db.Event // the last one: a dead connection is replaced by another
	events        []db.Event
	more          int // events that are not kept
	sent          map[string]int
	released      time.Time
	statementTime time.Duration
}

type key struct{}

// Record notes a request. Probes, which would push all others out, the files of /docs and the page itself are not noted.
func (q *Requests) Record(c *gin.Context) {
	path := c.Request.URL.EscapedPath() // as it came: no character of it can turn or move what stands beside it
	if path == Path || strings.HasPrefix(path, "/health/") || strings.HasPrefix(path, "/docs/") {
		return
	}
	r := &request{start: time.Now(), method: web.Cut(c.Request.Method, 20), path: web.Cut(path, maxPath), sent: map[string]int{}}
	q.add(r)
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), key{}, r))
	defer func() { // also when the connection is ended by a panic
		r.end(c.Writer.Status(), c.Writer.Header().Get("X-Request-ID"))
	}()
	c.Next()
}

func (q *Requests) add(r *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == maxRequests {
		q.list = append(q.list[:0], q.list[1:]...)
	}
	q.list = append(q.list, r)
}

// newest returns the requests, newest first.
func (q *Requests) newest() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := make([]*request, 0, len(q.list))
	for i := range q.list {
		list = append(list, q.list[len(q.list)-1-i])
	}
	return list
}

func (r *request) end(status int, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status, r.id, r.took = status, id, time.Since(r.start)
}

// Watch is for db.Watch: it notes what the session of a request does.
func Watch(ctx context.Context, e db.Event) {
	r, ok := ctx.Value(key{}).(*request)
	if !ok {
		return
	}
	e.Statement = web.Cut(e.Statement, maxStatement)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch kindOf(e) {
	case wait:
		r.waited = e
		return
	case end:
		r.released = e.Start.Add(e.Took)
	case statement:
		r.statementTime += e.Took
	}
	if len(r.events) == maxEvents && kindOf(e) != end {
		r.more++
	} else {
		r.events = append(r.events, e)
	}
	if _, known := r.sent[e.Statement]; kindOf(e) == statement && (known || len(r.sent) < maxEvents) {
		r.sent[e.Statement]++
	}
}

type kind int

const (
	statement kind = iota
	wait
	begin
	end
)

// kindOf: a session sends BEGIN, COMMIT and ROLLBACK itself, and refuses them from others.
func kindOf(e db.Event) kind {
	switch {
	case e.Statement == "":
		return wait
	case e.Statement == "COMMIT" || e.Statement == "ROLLBACK":
		return end
	case strings.HasPrefix(e.Statement, "BEGIN"):
		return begin
	default:
		return statement
	}
}
