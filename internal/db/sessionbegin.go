package db

import (
	"context"
	"database/sql"
	"time"
)

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
		l, reached, err = s.wait(start, begin, func(l *lease) error { return l.nothing(ctx) })
	} else if err == nil {
		l, reached, err = s.wait(start, begin, send)
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

// wait waits for a connection, for which the session has asked at asked, and
// begins on it. The session's end, by another goroutine, ends the wait, and then
// nothing is sent.
func (s *Session) wait(asked time.Time, begin beginning, send func(*lease) error) (*lease, outcome, error) {
	wait, stop := context.WithTimeoutCause(s.ctx, s.db.opts.PoolTimeout, ErrPoolTimeout)
	defer stop()
	s.mu.Lock()
	s.stopWait = stop
	s.mu.Unlock()
	return s.db.lease(wait, asked, begin, func(l *lease) error {
		if s.hasEnded() {
			return sql.ErrTxDone
		}
		s.hold(l)
		return send(l)
	})
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
