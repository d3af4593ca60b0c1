package db

import (
	"context"
	"runtime"
	"time"
)

// Event is what a watched session did: it waited for its connection, or it sent a statement, BEGIN, COMMIT and ROLLBACK
// included.
type Event struct {
	Statement string // without its parameters; "" for the wait
	Start     time.Time
	Took      time.Duration // of BEGIN: the statement's time included that it travels with
	Err       error
	Callers   []runtime.Frame // who sent the statement: up to three, outside of GORM and this layer, nearest first
}

// Watch has fn called with each event of the session, and the session's context. After Finish, COMMIT may come from
// another goroutine, when the owner has gone on. Callers cost some microseconds a statement: it is for development and
// tests.
func Watch(fn func(ctx context.Context, e Event)) SessionOption {
	return func(o *sessionOptions) { o.watch = fn }
}

// echo tells of what was sent: the log if DB_ECHO is on, and who watches.
func (s *Session) echo(ctx context.Context, query string, args []any, start time.Time, err error) {
	s.db.echo(ctx, query, args, start, err)
	if s.opts.watch == nil {
		return
	}
	var callers [64]uintptr
	frames := outside(callers[:runtime.Callers(2, callers[:])])
	s.opts.watch(s.ctx, Event{query, start, time.Since(start), err, frames})
}

// echoWait tells who watches that the session has the connection for which it has asked.
func (s *Session) echoWait(asked time.Time) {
	if s.opts.watch != nil {
		s.opts.watch(s.ctx, Event{Start: asked, Took: time.Since(asked)})
	}
}
