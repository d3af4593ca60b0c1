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
	t, ok := s.end()
	if !ok {
		return s.because(s.ctx, sql.ErrTxDone)
	}
	return s.commitEnded(t)
}

// Finish is Commit for an owner that answers: it does not wait for the COMMIT
// of a session that has only read, since that changes nothing of what was read.
// The connection goes back when COMMIT has returned; Close waits for it.
func (s *Session) Finish() error {
	t, ok := s.end()
	if !ok {
		return s.because(s.ctx, sql.ErrTxDone)
	}
	if !s.hasOnlyRead(t) {
		return s.commitEnded(t)
	}
	go func() {
		defer s.turn.Unlock()
		_ = s.commit(t) // there is nothing to lose; DB_ECHO shows it
	}()
	return nil
}

// hasOnlyRead reports a READ ONLY transaction whose answer need not wait for its
// COMMIT. Under SERIALIZABLE it has to: COMMIT can fail for a reader, too, whose
// rows then belong to no state that ever was. So it has with hooks, which run
// after COMMIT, and where a statement has written nevertheless, or made the
// transaction one that may.
func (s *Session) hasOnlyRead(t *transaction) bool {
	if t == nil || !s.opts.readOnly || s.wrote || s.opts.isolation == sql.LevelSerializable || len(s.hooks) > 0 {
		return false
	}
	return s.refusal(t) == nil && !t.lost() && t.conn.PgConn().TxStatus() == 'T'
}

// commitEnded commits, and releases the turn that end has taken.
func (s *Session) commitEnded(t *transaction) error {
	defer s.turn.Unlock()
	if err := s.refusal(t); err != nil {
		s.undo(t)
		return err
	}
	if t == nil {
		return nil
	}
	return s.commit(t)
}

// refusal returns why nothing may be committed: ctx has ended, the session was
// used wrongly, or its transaction has never begun.
func (s *Session) refusal(t *transaction) error {
	if err := context.Cause(s.ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.misuse != nil {
		return s.misuse
	}
	if t == nil {
		return s.failed
	}
	return nil
}

func (s *Session) commit(t *transaction) error {
	s.keepClean(t)
	start := time.Now()
	err := t.commit(s.ctx, s.commitLimit())
	s.finish(t, err != nil)
	s.spent(time.Since(start))
	s.echo(s.ctx, "COMMIT", nil, start, err)
	if failed := s.failure(); err != nil && failed != nil && !isUnknown(err) {
		return fmt.Errorf("%w, after: %w", err, failed)
	}
	return err
}

// Rollback ends the session and undoes its statements. It does nothing to a
// session that has ended.
func (s *Session) Rollback() {
	if t, ok := s.end(); ok {
		s.undo(t)
		s.turn.Unlock()
	}
}

func (s *Session) undo(t *transaction) {
	if t == nil {
		return
	}
	s.keepClean(t)
	start := time.Now()
	if !t.lost() {
		t.rollback(s.ctx, endTimeout-cancelGrace)
	}
	s.finish(t, s.ctx.Err() == nil)
	s.spent(time.Since(start))
	s.echo(s.ctx, "ROLLBACK", nil, start, nil)
}

// end marks the session as ended and takes its turn for good; ok is false if it
// has ended before. A statement that still runs, in another goroutine, is cut
// off, and rows that were left open are closed.
func (s *Session) end() (t *transaction, ok bool) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return nil, false
	}
	s.ended = true
	if s.stopOverdue != nil {
		s.stopOverdue()
	}
	s.mu.Unlock()
	if !s.turn.TryLock() {
		s.abuse(fmt.Errorf("%w: the session ended while a goroutine was in a statement", ErrSessionBusy))
		s.interrupt()
		s.turn.Lock()
	}
	s.mu.Lock()
	t, open, closes := s.transaction, s.open, s.closes
	s.mu.Unlock()
	if open != nil {
		open.shut()
	}
	for _, closeOne := range closes {
		closeOne()
	}
	return t, true
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

func (s *Session) finish(t *transaction, suspect bool) {
	s.mu.Lock()
	misuse := s.misuse
	s.mu.Unlock()
	s.at.release(t, suspect && misuse == nil)
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
