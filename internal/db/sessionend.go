package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

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
	s.keepClean(l)
	start := time.Now()
	err := l.commit(s.ctx, s.commitLimit())
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
	s.keepClean(l)
	start := time.Now()
	if !l.lost() {
		l.rollback(s.ctx, endTimeout-cancelGrace)
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
