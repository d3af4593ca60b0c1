package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// lease is one connection out of the pool with a transaction begun on it. A
// caller that goes away ends its statement, not the connection: BEGIN, COMMIT
// and ROLLBACK have time limits of their own.
type lease struct {
	driver *stdlib.Conn // the connection as database/sql's driver has it
	conn   *pgx.Conn    // the same connection
	cut    bool         // COMMIT or ROLLBACK was cut off at its limit
	reset  string       // undoes what a session has set; "": nothing is to be undone
	dirty  bool         // reset is to go with COMMIT or ROLLBACK
	spoilt bool         // holds what no reset undoes: not to be used again
}

// errStale says that BEGIN met a connection that was dead already.
var errStale = errors.New("stale connection")

// errLost stands for database/sql's driver.ErrBadConn, which callers must not
// see: it makes them believe that they may repeat.
var errLost = errors.New("connection lost")

// lease waits for a connection and begins a transaction on it, all within the
// time of wait, which is PoolTimeout at most. A connection found dead is replaced
// and BEGIN repeated: nothing of the caller's was sent, so that is always safe.
// Errors: ErrPoolTimeout, ErrQueueFull, ErrUnavailable, a setting that PostgreSQL
// refuses, or the cause for which wait ended.
func (d *DB) lease(wait context.Context, begin beginning) (*lease, error) {
	start := time.Now()
	err := d.gate.enter(wait)
	d.waitNanos.Add(int64(time.Since(start)))
	if err != nil {
		return nil, d.countTimeout(err)
	}
	for {
		l, err := d.beginOnce(wait, begin)
		if err == nil {
			d.acquires.Add(1)
			d.out.Add(1)
			return l, nil
		}
		if !errors.Is(err, errStale) || !d.opts.PrePing || wait.Err() != nil {
			d.gate.leave()
			return nil, d.leaseError(wait, err)
		}
	}
}

// countTimeout counts the callers that waited in vain.
func (d *DB) countTimeout(err error) error {
	if errors.Is(err, ErrPoolTimeout) {
		d.timeouts.Add(1)
	}
	return err
}

// leaseError puts the reason for which the wait ended first, before the error
// to which that led.
func (d *DB) leaseError(wait context.Context, err error) error {
	switch cause := context.Cause(wait); {
	case cause == nil && errors.Is(err, errSetting):
		return err
	case cause == nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case errors.Is(cause, ErrPoolTimeout):
		return d.countTimeout(fmt.Errorf("%w: %w", cause, err))
	default:
		return fmt.Errorf("%w: %w", cause, err)
	}
}

// beginOnce takes one connection and begins on it, or hands it back.
func (d *DB) beginOnce(wait context.Context, begin beginning) (*lease, error) {
	conn, err := d.connector.Connect(wait)
	if err != nil {
		if d.closing.Load() {
			err = errClosed
		}
		return nil, fmt.Errorf("connect: %w", err)
	}
	l := &lease{driver: conn.(*stdlib.Conn)}
	l.conn = l.driver.Conn()
	err = d.beginTx(wait, l, begin)
	if err == nil {
		return l, nil
	}
	if l.lost() && (wait.Err() == nil || l.conn.IsClosed() && !stateOf(l.conn.PgConn()).severed) {
		l.conn.PgConn().Conn().Close() // else pgx says goodbye first, and on a dead line keeps the slot for it
		d.invalidate(l.conn)
		err = fmt.Errorf("%w: %w", errStale, err)
	}
	d.giveBack(l)
	return nil, fmt.Errorf("begin: %w", err)
}

// beginTx sends BEGIN, which gets ConnectTimeout at most, since on a half-open
// line it would wait for ever.
func (d *DB) beginTx(wait context.Context, l *lease, begin beginning) error {
	limit := max(d.opts.ConnectTimeout-cancelGrace, d.opts.ConnectTimeout/2)
	ctx, cancel := context.WithTimeout(wait, limit)
	defer cancel()
	err := begin.on(ctx, l.conn)
	if err != nil && !l.lost() && l.open() {
		l.rollback(wait, limit)
	}
	return err
}

// exec runs a statement without rows.
func (l *lease) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	tag, err := l.conn.Exec(ctx, query, args...)
	return driver.RowsAffected(tag.RowsAffected()), err
}

// query runs a statement with rows.
func (l *lease) query(ctx context.Context, query string, args []any) (*stdlib.Rows, error) {
	rows, err := l.driver.QueryContext(ctx, query, named(args))
	if errors.Is(err, driver.ErrBadConn) {
		return nil, errLost
	}
	if err != nil {
		return nil, err
	}
	return rows.(*stdlib.Rows), nil
}

// lost reports that the connection is gone, whoever ended it.
func (l *lease) lost() bool { return l.conn.IsClosed() || stateOf(l.conn.PgConn()).severed }

// open reports whether the transaction is still there, failed or not.
func (l *lease) open() bool { return l.conn.PgConn().TxStatus() != 'I' }

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

// release hands the connection back, after commit or rollback.
func (d *DB) release(l *lease, suspect bool) {
	if suspect && !l.cut && l.conn.IsClosed() && !stateOf(l.conn.PgConn()).severed {
		d.invalidate(l.conn)
	}
	d.giveBack(l)
	d.out.Add(-1)
	d.gate.leave()
}

// giveBack returns the connection to the pool, which closes it if it is closed,
// spoilt or still in a transaction.
func (d *DB) giveBack(l *lease) {
	d.retire(l.conn)
	if l.spoilt && !l.lost() {
		d.hangUp(l.conn)
	}
	if l.spoilt || l.lost() {
		ctx, cancel := context.WithTimeout(d.bridge.ctx, time.Second)
		defer cancel()
		_ = l.conn.Close(ctx) // so that the pool sees it closed
	}
	_ = l.driver.Close()
}
