package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"
)

// endTimeout is what COMMIT gets at least, and ROLLBACK at most, cancelGrace
// included: ROLLBACK has nothing to lose. commitTimeout is what COMMIT gets
// where the context has no deadline.
const (
	endTimeout    = 2 * time.Second
	commitTimeout = 30 * time.Second
)

// Session is one transaction, begun when its first statement comes: without
// one it takes no connection. Its owner (the request's middleware, WithSession)
// ends it; code in between gets the *gorm.DB bound to it. Like the transaction
// it serves one goroutine at a time.
type Session struct {
	db   *DB
	ctx  context.Context
	opts sessionOptions

	mu     sync.Mutex
	lease  *lease // nil until the first statement
	ended  bool
	failed error // the first error of a statement
	hooks  []func(context.Context)
	marks  map[string]int // how many hooks there were at each savepoint
	stats  Stats
	leak   *leakWatch
	seen   map[string]int // dev only: how often each statement was sent
}

// Stats are what a session has sent so far. Time includes waiting for a
// connection, BEGIN and COMMIT; Queries does not count these two.
type Stats struct {
	Queries int
	Time    time.Duration
}

// NewSession makes a session for the time of ctx. End it with Commit or
// Rollback; whatever comes after the first of these changes nothing.
func (d *DB) NewSession(ctx context.Context, opts ...SessionOption) *Session {
	s := &Session{db: d, ctx: ctx}
	for _, opt := range opts {
		opt(&s.opts)
	}
	return s
}

// DB returns GORM bound to the session. Context must be given here: without it
// GORM would share the Statement, and the session's connection, with everybody.
func (s *Session) DB() *gorm.DB {
	tx := s.db.gorm.Session(&gorm.Session{NewDB: true, Context: s.ctx, SkipDefaultTransaction: true})
	tx.Statement.ConnPool = &sessionConn{s: s}
	return tx
}

// begin returns the session's transaction, and begins it for the first caller.
// If that fails all statements fail: as in a transaction, one that was swallowed
// must not leave the rest to be committed. After the end it returns sql.ErrTxDone.
func (s *Session) begin() (*lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, sql.ErrTxDone
	}
	if s.lease != nil {
		return s.lease, nil
	}
	if s.failed != nil {
		return nil, s.failed
	}
	start := time.Now()
	l, err := s.db.lease(s.ctx, sql.TxOptions{Isolation: s.opts.isolation, ReadOnly: s.opts.readOnly})
	s.stats.Time += time.Since(start)
	s.db.echo(s.ctx, "BEGIN"+s.opts.String(), nil, start, err)
	if err != nil {
		s.fail(err)
		return nil, err
	}
	s.lease, s.leak = l, s.db.watchLeak(s.ctx)
	return l, s.applyLimits(l)
}

// Commit ends the session: it commits if nothing failed and ctx is alive, and
// hands the connection back. An error means that nothing was committed, except
// ErrCommitUnknown. The hooks of AfterCommit are the owner's to run: see GoHooks.
func (s *Session) Commit() error {
	l, ok := s.end()
	if !ok {
		return sql.ErrTxDone
	}
	if err := context.Cause(s.ctx); err != nil {
		s.undo(l)
		return err
	}
	if failed := s.failure(); l == nil && failed != nil { // not even a connection, and nobody has told
		return failed
	}
	if l == nil {
		return nil
	}
	return s.commit(l)
}

func (s *Session) commit(l *lease) error {
	start := time.Now()
	err := l.commit(s.commitLimit())
	s.finish(l, err != nil)
	s.spent(start)
	s.db.echo(s.ctx, "COMMIT", nil, start, err)
	if failed := s.failure(); err != nil && failed != nil && !errors.Is(err, ErrCommitUnknown) {
		return fmt.Errorf("%w, after: %w", err, failed)
	}
	return err
}

// Rollback ends the session and undoes its statements. It does nothing to a
// session that has ended.
func (s *Session) Rollback() {
	if l, ok := s.end(); ok {
		s.undo(l)
	}
}

func (s *Session) undo(l *lease) {
	if l == nil {
		return
	}
	start := time.Now()
	l.rollback(endTimeout - cancelGrace)
	s.finish(l, s.ctx.Err() == nil)
	s.spent(start)
	s.db.echo(s.ctx, "ROLLBACK", nil, start, nil)
}

// end marks the session as ended; ok is false if it was so before.
func (s *Session) end() (l *lease, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, false
	}
	s.ended = true
	return s.lease, true
}

func (s *Session) finish(l *lease, suspect bool) {
	if s.demoted(s.failure()) {
		s.db.invalidate(l.raw)
	}
	s.db.release(l, suspect)
	s.leak.stop()
}

// commitLimit is what is left of the context's time, at least endTimeout.
func (s *Session) commitLimit() time.Duration {
	deadline, ok := s.ctx.Deadline()
	if !ok {
		return commitTimeout
	}
	return max(time.Until(deadline), endTimeout-cancelGrace)
}

// fail remembers the first error of a statement. A COMMIT that then rolls back
// names it. The caller holds mu.
func (s *Session) fail(err error) {
	if s.failed == nil {
		s.failed = err
	}
}

// failure returns what fail remembers.
func (s *Session) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// spent adds the time of COMMIT or ROLLBACK.
func (s *Session) spent(start time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Time += time.Since(start)
}

// Stats returns the figures so far; call it after the end.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}
