package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// canCommit reports that the transaction is there and can be committed.
func (t *transaction) canCommit() bool { return !t.lost() && t.conn.PgConn().TxStatus() == 'T' }

// commit sends COMMIT, with a time limit of its own. Where the limit cuts it off,
// the outcome is unknown even if COMMIT returns no error. The outcome is unknown
// too where PostgreSQL answers with a warning, as it does when a cancel ends the
// wait for a synchronous standby.
func (t *transaction) commit(ctx context.Context, limit time.Duration) error {
	dead := t.lost() // then COMMIT is not sent
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	tag, warning, err := t.end(ctx, "commit")
	switch {
	case t.cut:
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

// rollback returns no error, since none matters: a connection on which ROLLBACK
// fails is closed, and PostgreSQL then rolls back by itself.
func (t *transaction) rollback(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	_, _, _ = t.end(ctx, "rollback")
}

// end sends COMMIT or ROLLBACK and, behind it in the same write, the reset of a
// dirty connection. It returns the answer to COMMIT or ROLLBACK.
func (t *transaction) end(ctx context.Context, statement string) (tag string, warning *pgconn.Notice, err error) {
	state := stateOf(t.conn.PgConn())
	state.warning = nil
	if t.dirty && t.reset != "" {
		statement += "; " + t.reset
	}
	results := t.conn.PgConn().Exec(ctx, statement)
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
	t.cut = ctx.Err() != nil
	t.resetAfter(ctx, closeErr)
	return tag, warning, err
}
