package db

import (
	"context"
	"database/sql"
	"time"
)

// begin begins the transaction with the statement that send sends, or in a
// round trip of its own before a statement that has to be sent alone. If it fails,
// all later statements fail: the code in between may have ignored the error, and
// must not commit the rest of its work without the first statement. The caller
// holds turn.
func (s *Session) begin(ctx context.Context, alone bool, send func(*transaction) error) (*transaction, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	if s.at == nil {
		s.at = s.db.serving(s.opts)
	}
	begin, err := s.opts.beginning(s.ctx)
	start := time.Now()
	var t *transaction
	reached := unanswered
	if err == nil && alone {
		t, reached, err = s.wait(start, begin, func(t *transaction) error { return t.nothing(ctx) })
	} else if err == nil {
		t, reached, err = s.wait(start, begin, send)
	}
	if t == nil {
		s.letGo(reached, start, err)
	}
	var refusal error
	if t == nil {
		refusal = err
	}
	s.echoBegin(begin, start, refusal)
	if t != nil && alone && err == nil {
		err = send(t)
	}
	return t, err
}

// wait waits for a connection, for which the session has asked at asked, and
// begins on it. The session's end, by another goroutine, ends the wait, and then
// nothing is sent.
func (s *Session) wait(asked time.Time, begin beginning, send func(*transaction) error) (*transaction, outcome, error) {
	limit, over := s.db.opts.PoolTimeout-s.late, ErrPoolTimeout
	if s.at != s.db {
		limit, over = s.db.replicaPatience(), errSlow
	}
	wait, stop := context.WithTimeoutCause(s.ctx, limit, over)
	defer stop()
	s.mu.Lock()
	s.stopWait = stop
	s.mu.Unlock()
	return s.at.beginTransaction(wait, asked, begin, func(t *transaction) error {
		if s.hasEnded() {
			return sql.ErrTxDone
		}
		s.hold(t)
		s.echoWait(asked)
		return send(t)
	})
}

// hold notes the connection that the session has, before its first statement is
// sent. Where the owner does not end the session when its context has ended, since
// its code hangs, the connection is taken back: it can save nothing any more.
func (s *Session) hold(t *transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transaction = t
	if s.stopOverdue == nil {
		s.stopOverdue = context.AfterFunc(s.ctx, func() { time.AfterFunc(endTimeout, s.Rollback) })
	}
	if s.leak == nil {
		s.leak = s.db.watchLeak(s.ctx)
	}
}

// letGo notes that the transaction has not begun, and why.
func (s *Session) letGo(reached outcome, start time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transaction = nil
	s.leak.stop()
	s.leak = nil
	s.stats.Time += time.Since(start)
	s.fail(err)
	if reached != unsent {
		s.broken = err
	}
}
