package db

import (
	"context"
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
	at   *DB           // whose pool serves it: db, or db's replica; nil until it begins
	late time.Duration // what the wait for the replica has taken of PoolTimeout
	ctx  context.Context
	opts sessionOptions

	turn sync.Mutex // held by the statement that runs, and by the end

	mu          sync.Mutex   // guards what follows
	transaction *transaction // nil until the first statement
	stopWait    func()       // ends the wait for it
	stopOverdue func() bool  // see hold
	open        *openRows    // of the last statement, until they are closed
	ended       bool
	failed      error    // the first error of a statement, while it dooms the transaction
	broken      error    // why the transaction could not begin
	misuse      error    // a programming error: nothing may be committed
	wrote       bool     // a statement may have written, see effects
	forbade     bool     // a statement has made the transaction READ ONLY
	dirty       bool     // a statement may have set what outlives the transaction
	spoilt      bool     // … and what no reset undoes: the connection is closed at the end
	closes      []func() // run at the end
	hooks       []func(context.Context)
	marks       []savepointMark
	stats       Stats
	leak        *leakWatch
	seen        map[string]int // dev only: how often each statement was sent
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
	ctx := context.WithValue(s.ctx, ownerKey{}, s)
	tx := s.db.gorm.Session(&gorm.Session{NewDB: true, Context: ctx, SkipDefaultTransaction: true})
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

// spent adds the time of BEGIN, COMMIT or ROLLBACK, or of waiting.
func (s *Session) spent(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Time += d
}

// Stats returns the figures so far; call it after the end.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}
