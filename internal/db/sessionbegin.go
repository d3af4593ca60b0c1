package db

import (
	"context"
	"database/sql"
	"time"
)

// begin returns the session's transaction, and begins it for the first caller.
// If that fails all statements fail: as in a transaction, one that was swallowed
// must not leave the rest to be committed. The caller holds turn.
func (s *Session) begin() (*lease, error) {
	if s.lease != nil {
		return s.lease, nil
	}
	if failed := s.failure(); failed != nil {
		return nil, failed
	}
	begin, err := s.opts.beginning(s.ctx)
	start := time.Now()
	var l *lease
	if err == nil {
		l, err = s.wait(begin)
	}
	s.db.echoBegin(s.ctx, begin, start, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Time += time.Since(start)
	if err != nil {
		s.fail(err)
		return nil, err
	}
	s.lease, s.leak = l, s.db.watchLeak(s.ctx)
	return l, nil
}

// wait waits for a connection with a begun transaction. The session's end, by
// another goroutine, ends the wait.
func (s *Session) wait(begin beginning) (*lease, error) {
	wait, stop := context.WithTimeoutCause(s.ctx, s.db.opts.PoolTimeout, ErrPoolTimeout)
	defer stop()
	s.mu.Lock()
	ended := s.ended
	s.stopWait = stop
	s.mu.Unlock()
	if ended {
		return nil, sql.ErrTxDone
	}
	return s.db.lease(wait, begin)
}
