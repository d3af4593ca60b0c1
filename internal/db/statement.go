package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// run runs one statement in the session, and counts and logs it. The first one
// begins the transaction: BEGIN travels with it, unless the statement has to be
// sent alone.
func run[T any](s *Session, ctx context.Context, query string, args []any, alone bool, do func(context.Context, *transaction) (T, error)) (result T, err error) {
	effect, err := s.takeTurn(query)
	if err != nil {
		return result, err
	}
	defer s.turn.Unlock()
	if effect.undoes() && ctx.Err() != nil {
		ctx = s.ctx // tx.Transaction looks at no error here: what has failed for the end of ctx would be committed
	}
	called := time.Now()
	var start time.Time
	send := func(t *transaction) (err error) {
		start = time.Now()
		result, err = do(ctx, t)
		return err
	}
	if effect.recalls {
		alone, do = true, forgetting(do)
	}
	t, first := s.transaction, s.transaction == nil
	if !first {
		err = send(t)
	} else if t, err = s.begin(ctx, alone, send); s.leaves(ctx, t, err) {
		t, err = s.begin(ctx, alone, send)
	}
	if t == nil {
		return result, s.because(ctx, err)
	}
	if !alone { // the simple protocol has no plan that could be too old
		err = s.markOutdated(t, query, err)
	}
	for try := 0; first && errors.Is(err, errOutdated) && try < 3 && s.ctx.Err() == nil; try++ {
		err = s.markOutdated(t, query, s.again(t, send))
	}
	if err == nil {
		stateOf(t.conn.PgConn()).remember(query)
		s.markHooks(effect.savepoints)
	}
	err = s.settle(ctx, t, query, err)
	s.spent(start.Sub(called))
	s.observe(ctx, query, args, start, err)
	return result, err
}

// takeTurn takes the session's turn for a statement, or says why it cannot have it.
func (s *Session) takeTurn(query string) (effects, error) {
	if !s.turn.TryLock() {
		if s.hasEnded() {
			return effects{}, sql.ErrTxDone
		}
		return effects{}, s.abuse(fmt.Errorf("%w: another goroutine is in a statement: give each goroutine a session of its own", ErrSessionBusy))
	}
	effect, err := s.admit(query, s.db.effects.of(query))
	if err != nil {
		s.turn.Unlock()
	}
	return effect, err
}

// admit refuses a statement of a session that has ended or was used wrongly,
// that comes while rows are open, that would end the transaction, or that would
// wait for ever. What a sequence has given in this session it may ask for.
func (s *Session) admit(query string, effect effects) (effects, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return effect, sql.ErrTxDone
	case s.misuse != nil:
	case s.open != nil:
		s.misuse = fmt.Errorf("%w: the rows of %q are still open: read them to the end or close them first; another goroutine needs a session of its own", ErrSessionBusy, s.open.query)
	case effect.ends:
		s.misuse = fmt.Errorf("%w: refused: %s", ErrSessionOwned, query)
	case strings.IndexByte(query, 0) >= 0: // the server would read the rest as another part of the message
		s.misuse = fmt.Errorf("a statement has a zero byte: %q", query)
	case effect.copies:
		s.misuse = fmt.Errorf("a session has no data for COPY: use tx.CreateInBatches, or a connection of pgx's own: refused: %s", query)
	default:
		effect.recalls = effect.recalls && !s.wrote && !s.dirty && s.db.opts.Reset != ResetRollback
		s.wrote = s.wrote || effect.writes || effect.recalls
		s.dirty = s.dirty || effect.sets
		s.spoilt = s.spoilt || effect.spoils
		s.forbade = s.forbade || effect.forbids
	}
	return effect, s.misuse
}

// forgetting drops first what sequences have given in earlier sessions.
func forgetting[T any](do func(context.Context, *transaction) (T, error)) func(context.Context, *transaction) (T, error) {
	return func(ctx context.Context, t *transaction) (result T, err error) {
		if _, err = t.conn.PgConn().Exec(ctx, "DISCARD SEQUENCES").ReadAll(); err != nil {
			return result, err
		}
		return do(ctx, t)
	}
}

func (s *Session) hasEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// abuse marks the session as used wrongly: its statements fail from here on,
// and nothing is committed, even if nobody looks at the error.
func (s *Session) abuse(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.misuse == nil {
		s.misuse = err
	}
	return err
}

// Misuse returns the programming error for which the session cannot be
// committed, or nil. Owners report it also where the code in between answered
// with something else.
func (s *Session) Misuse() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.misuse
}

// interrupt ends what another goroutine does in the session: the wait for a
// connection, or a statement, by cutting its line.
func (s *Session) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopWait != nil {
		s.stopWait()
	}
	if s.transaction != nil {
		s.transaction.interrupt()
	}
}

// settle turns a statement's error into the session's own, and remembers the
// first one until the savepoint that it belongs to is rolled back: for so long
// the transaction cannot be committed. A statement that ends the transaction is a
// programming error, even where PostgreSQL reports none.
func (s *Session) settle(ctx context.Context, t *transaction, query string, err error) error {
	err = s.explain(ctx, t, err)
	if !t.lost() && !t.open() && !t.conn.PgConn().IsBusy() {
		return s.abuse(transactionEnded(query, err))
	}
	if err != nil && s.demoted(t, err) {
		s.at.invalidate(t.conn)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case t.canCommit():
		s.failed = nil
	case err != nil:
		s.fail(err)
	}
	return err
}

// transactionEnded names the statement that ended the transaction, and its error
// if it has one.
func transactionEnded(query string, err error) error {
	if err == nil {
		return fmt.Errorf("%w by: %s", ErrTransactionEnded, query)
	}
	return fmt.Errorf("%w by: %s: %w", ErrTransactionEnded, query, err)
}

// explain adds the reason to PostgreSQL's error, in front of it: "canceling
// statement due to user request" does not say why the statement was cancelled,
// and "current transaction is aborted" does not name the statement that failed.
func (s *Session) explain(ctx context.Context, t *transaction, err error) error {
	failed := s.failure()
	switch {
	case err == nil:
		return nil
	case context.Cause(ctx) != nil:
		return s.because(ctx, err)
	case failed != nil && !errors.Is(failed, err) && t.lost():
		return fmt.Errorf("%w: %w, after: %w", ErrUnavailable, err, failed)
	case t.lost(), errors.Is(err, errLost), errors.Is(err, errOutdated), s.demoted(t, err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case failed != nil && isAborted(err) && Classify(failed) == Unavailable:
		return fmt.Errorf("%w, after which: %w", failed, err)
	case failed != nil && isAborted(err):
		return fmt.Errorf("%w, by: %w", err, failed)
	default:
		return err
	}
}

// because puts the cause of the statement's context in front of the error, if
// that context has ended.
func (s *Session) because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// isAborted recognises a statement that PostgreSQL refuses because an earlier one
// in the transaction has failed.
func isAborted(err error) bool { return sqlstate(err) == "25P02" }

// demoted reports a server that takes no writes from a session that may write, and
// has not forbidden them itself: after a failover the pool's connections lead to the
// wrong one. What the server says of itself (in_hot_standby) does not tell: one that
// is promoted meanwhile says that it takes writes, to a transaction that began on the
// standby and refuses them to its end; PgBouncer says what an earlier server said. It
// tells only whose fault it is that SET TRANSACTION has no such level or mode.
func (s *Session) demoted(t *transaction, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	unsupported := sqlstate(err) == "0A000" && t.conn.PgConn().ParameterStatus("in_hot_standby") == "on"
	return (isReadOnlyServer(err) && !s.forbade || unsupported) && !s.opts.readOnly
}
