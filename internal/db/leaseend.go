package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// sound reports that the transaction is there and can be committed.
func (l *lease) sound() bool { return !l.lost() && l.conn.PgConn().TxStatus() == 'T' }

// commit sends COMMIT. It has a limit of its own; if that ends it, the outcome
// is unknown even when COMMIT returns no error. So it is when PostgreSQL answers
// with a warning: it does where a cancel has ended the wait for a synchronous
// standby.
func (l *lease) commit(ctx context.Context, limit time.Duration) error {
	dead := l.lost() // then COMMIT is not sent
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	tag, warning, err := l.end(ctx, "commit")
	switch {
	case l.cut:
		return fmt.Errorf("%w: cut off after %v: %w", ErrCommitUnknown, limit, errors.Join(err, context.DeadlineExceeded))
	case err != nil && (dead || rolledBack(err)):
		return fmt.Errorf("commit: %w", err)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrCommitUnknown, err)
	case warning != nil && warning.Code == "25P01": // no transaction in progress
		return fmt.Errorf("commit: %w: %s", ErrTransactionEnded, warning.Message)
	case warning != nil:
		return fmt.Errorf("%w: %s: %s (SQLSTATE %s)", ErrCommitUnknown, warning.Severity, warning.Message, warning.Code)
	case tag != "COMMIT":
		return fmt.Errorf("commit: %w", pgx.ErrTxCommitRollback)
	default:
		return nil
	}
}

// rollback's error is of no use: a connection on which it failed is closed, and
// PostgreSQL rolls back by itself.
func (l *lease) rollback(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	_, _, _ = l.end(ctx, "rollback")
}

// end sends COMMIT or ROLLBACK and, behind it in the same write, the reset of a
// dirty connection. The answer is that to the first.
func (l *lease) end(ctx context.Context, statement string) (tag string, warning *pgconn.Notice, err error) {
	state := stateOf(l.conn.PgConn())
	state.warning = nil
	if l.dirty && l.reset != "" {
		statement += "; " + l.reset
	}
	results := l.conn.PgConn().Exec(ctx, statement)
	answered := results.NextResult()
	if answered {
		var command pgconn.CommandTag
		command, err = results.ResultReader().Close()
		tag, warning = command.String(), state.warning
	}
	closeErr := results.Close()
	if !answered {
		err = closeErr
	}
	l.cut = ctx.Err() != nil
	l.resetAfter(ctx, closeErr)
	return tag, warning, err
}
