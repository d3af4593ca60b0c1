package db

import (
	"context"
	"database/sql"
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
// it serves one goroutine at a time, and one statement: see ErrSessionBusy.
type Session struct {
	db   *DB
	ctx  context.Context
	opts sessionOptions

	turn sync.Mutex // held by the statement that runs, and by the end

	mu       sync.Mutex // guards what follows
	lease    *lease     // nil until the first statement
	stopWait func()     // ends the wait for it
	open     *openRows  // of the last statement, until they are closed
	ended    bool
	failed   error    // the first error of a statement, while it dooms the transaction
	misuse   error    // a programming error: nothing may be committed
	dirty    bool     // a statement may have set what outlives the transaction
	spoilt   bool     // … and what no reset undoes
	closes   []func() // run at the end
	hooks    []func(context.Context)
	marks    map[string]int // how many hooks there were at each savepoint
	stats    Stats
	leak     *leakWatch
	seen     map[string]int // dev only: how often each statement was sent
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

// sessionOf returns the session that tx belongs to, or nil.
func sessionOf(tx *gorm.DB) *Session {
	pool := tx.Statement.ConnPool
	if prepared, ok := pool.(*gorm.PreparedStmtTX); ok {
		pool = prepared.Tx
	}
	if c, ok := pool.(*sessionConn); ok {
		return c.s
	}
	return nil
}

// Commit ends the session: it commits if nothing failed and ctx is alive, hands
// the connection back, and runs the hooks of AfterCommit. An error means that
// nothing was committed, except ErrCommitUnknown.
func (s *Session) Commit() error {
	l, ok := s.end()
	if !ok {
		return sql.ErrTxDone
	}
	defer s.turn.Unlock()
	if err := s.refusal(l); err != nil {
		s.undo(l)
		return err
	}
	if l != nil {
		if err := s.commit(l); err != nil {
			return err
		}
	}
	s.runHooks()
	return nil
}

// refusal says why nothing may be committed: ctx has ended, the session was
// used wrongly, or it got not even a connection.
func (s *Session) refusal(l *lease) error {
	if err := context.Cause(s.ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.misuse != nil {
		return s.misuse
	}
	if l == nil {
		return s.failed
	}
	return nil
}

func (s *Session) commit(l *lease) error {
	s.keepClean(l)
	start := time.Now()
	err := l.commit(s.ctx, s.commitLimit())
	s.finish(l, err != nil)
	s.spent(start)
	s.db.echo(s.ctx, "COMMIT", nil, start, err)
	if failed := s.failure(); err != nil && failed != nil && !isUnknown(err) {
		return fmt.Errorf("%w, after: %w", err, failed)
	}
	return err
}

// Rollback ends the session and undoes its statements. It does nothing to a
// session that has ended.
func (s *Session) Rollback() {
	if l, ok := s.end(); ok {
		s.undo(l)
		s.turn.Unlock()
	}
}

func (s *Session) undo(l *lease) {
	if l == nil {
		return
	}
	s.keepClean(l)
	start := time.Now()
	if !l.lost() {
		l.rollback(s.ctx, endTimeout-cancelGrace)
	}
	s.finish(l, s.ctx.Err() == nil)
	s.spent(start)
	s.db.echo(s.ctx, "ROLLBACK", nil, start, nil)
}

// end marks the session as ended and takes its turn for good; ok is false if it
// has ended before. A statement that still runs, in another goroutine, is cut
// off, and rows that were left open are closed.
func (s *Session) end() (l *lease, ok bool) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return nil, false
	}
	s.ended = true
	s.mu.Unlock()
	if !s.turn.TryLock() {
		s.abuse(fmt.Errorf("%w: the session ended while a goroutine was in a statement", ErrSessionBusy))
		s.interrupt()
		s.turn.Lock()
	}
	s.mu.Lock()
	l, open, closes := s.lease, s.open, s.closes
	s.mu.Unlock()
	if open != nil {
		open.shut()
	}
	for _, closeOne := range closes {
		closeOne()
	}
	return l, true
}

// atEnd has fn called at the end of the session; at once if that has come.
func (s *Session) atEnd(fn func()) {
	s.mu.Lock()
	ended := s.ended
	if !ended {
		s.closes = append(s.closes, fn)
	}
	s.mu.Unlock()
	if ended {
		fn()
	}
}

func (s *Session) finish(l *lease, suspect bool) {
	s.mu.Lock()
	misuse := s.misuse
	s.mu.Unlock()
	s.db.release(l, suspect && misuse == nil)
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
