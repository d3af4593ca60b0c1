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

	mu     sync.Mutex // guards what follows
	lease  *lease     // nil until the first statement
	open   *openRows  // of the last statement, until they are closed
	ended  bool
	failed error // the first error of a statement
	broken error // why the transaction could not begin
	misuse error // a programming error: nothing may be committed
	dirty  bool  // a statement may have set what outlives the transaction
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

// begin begins the transaction with the statement that send sends, or in a
// round trip of its own before a statement that has to come alone. If that
// fails all statements fail: as in a transaction, one that was swallowed must
// not leave the rest to be committed. The caller holds turn.
func (s *Session) begin(ctx context.Context, alone bool, send func(*lease) error) (*lease, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	begin, err := s.opts.beginning(s.ctx)
	start := time.Now()
	var l *lease
	reached := unanswered
	if err == nil && alone {
		l, reached, err = s.db.lease(s.ctx, begin, func(l *lease) error { s.hold(l); return l.nothing(ctx) })
	} else if err == nil {
		l, reached, err = s.db.lease(s.ctx, begin, func(l *lease) error { s.hold(l); return send(l) })
	}
	if l == nil {
		s.letGo(reached, start, err)
	}
	var refusal error
	if l == nil {
		refusal = err
	}
	s.db.echoBegin(s.ctx, begin, start, refusal)
	if l != nil && alone && err == nil {
		err = send(l)
	}
	return l, err
}

// hold notes the connection that the session has, before its first statement is sent.
func (s *Session) hold(l *lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lease = l
	if s.leak == nil {
		s.leak = s.db.watchLeak(s.ctx)
	}
}

// letGo notes that there is no transaction, and why.
func (s *Session) letGo(reached outcome, start time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lease = nil
	s.leak.stop()
	s.leak = nil
	s.stats.Time += time.Since(start)
	s.fail(err)
	if reached != unsent {
		s.broken = err
	}
}

// Commit ends the session: it commits if nothing failed and ctx is alive, and
// hands the connection back. An error means that nothing was committed, except
// ErrCommitUnknown. The hooks of AfterCommit are the owner's to run: see GoHooks.
func (s *Session) Commit() error {
	l, ok := s.end()
	if !ok {
		return sql.ErrTxDone
	}
	return s.commitEnded(l)
}

// Finish is Commit for an owner that answers: it does not wait for the COMMIT
// of a session that has only read, since that changes nothing of what was read.
// The connection goes back when COMMIT has returned; Close waits for it.
func (s *Session) Finish() error {
	l, ok := s.end()
	if !ok {
		return sql.ErrTxDone
	}
	if !s.hasOnlyRead(l) {
		return s.commitEnded(l)
	}
	go func() {
		defer s.turn.Unlock()
		_ = s.commit(l) // there is nothing to lose; DB_ECHO shows it
	}()
	return nil
}

// hasOnlyRead reports a READ ONLY transaction that is good as it is. Not so
// under SERIALIZABLE, where a reader, too, can be told at COMMIT that what it saw
// never was; and hooks run after COMMIT.
func (s *Session) hasOnlyRead(l *lease) bool {
	if l == nil || !s.opts.readOnly || s.opts.isolation == sql.LevelSerializable || len(s.hooks) > 0 {
		return false
	}
	return s.refusal(l) == nil && !l.lost() && l.conn.PgConn().TxStatus() == 'T'
}

// commitEnded commits, and gives the turn back that end has taken.
func (s *Session) commitEnded(l *lease) error {
	defer s.turn.Unlock()
	if err := s.refusal(l); err != nil {
		s.undo(l)
		return err
	}
	if l == nil {
		return nil
	}
	return s.commit(l)
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
	start := time.Now()
	err := l.commit(s.ctx, s.commitLimit(), s.reset())
	s.finish(l, err != nil)
	s.spent(time.Since(start))
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
	start := time.Now()
	if !l.lost() {
		l.rollback(s.ctx, endTimeout-cancelGrace, s.reset())
	}
	s.finish(l, s.ctx.Err() == nil)
	s.spent(time.Since(start))
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
	l, open := s.lease, s.open
	s.mu.Unlock()
	if open != nil {
		open.shut()
	}
	return l, true
}

func (s *Session) finish(l *lease, suspect bool) {
	s.mu.Lock()
	failed, misuse := s.failed, s.misuse
	s.mu.Unlock()
	if s.demoted(failed) {
		s.db.invalidate(l.conn)
	}
	s.db.release(l, suspect && misuse == nil)
	s.leak.stop()
}

// reset is what follows COMMIT or ROLLBACK, in the same write, where a statement
// may have set what outlives the transaction.
func (s *Session) reset() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.dirty || s.db.opts.Reset == ResetRollback {
		return ""
	}
	return resetSQL
}

// resetSQL undoes what outlives a transaction and leaves pgx's prepared
// statements, which DISCARD ALL would end. The first two are for the rights to
// do the rest.
const resetSQL = `; RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP; SELECT pg_catalog.pg_advisory_unlock_all()`

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
