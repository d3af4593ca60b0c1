package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// lease is one connection out of the pool with a transaction begun on it. The
// transaction's context is detached from the caller's: a caller that goes away
// ends its statement, not the connection.
type lease struct {
	conn   *sql.Conn
	raw    *pgx.Conn // the same connection, to see whether it is still open
	tx     *sql.Tx
	cancel context.CancelFunc
	cut    bool // cancelled at its end: database/sql may still be at work on raw
}

// errStale says that BEGIN met a connection that was dead already.
var errStale = errors.New("stale connection")

// lease waits for a connection and begins a transaction on it, all within
// PoolTimeout. A connection found dead is replaced and BEGIN repeated: nothing
// of the caller's was sent, so that is always safe. Errors: ErrPoolTimeout,
// ErrQueueFull, ErrUnavailable, or the cause for which ctx ended.
func (d *DB) lease(ctx context.Context, opts sql.TxOptions) (*lease, error) {
	start := time.Now()
	wait, stop := context.WithTimeoutCause(ctx, d.opts.PoolTimeout, ErrPoolTimeout)
	defer stop()
	err := d.gate.enter(wait)
	d.waitNanos.Add(int64(time.Since(start)))
	if err != nil {
		return nil, d.countTimeout(err)
	}
	for {
		l, err := d.beginOnce(wait, opts)
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

// leaseError prefers the reason for which the wait ended to what that did to
// the connection.
func (d *DB) leaseError(wait context.Context, err error) error {
	switch cause := context.Cause(wait); {
	case cause == nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case errors.Is(cause, ErrPoolTimeout):
		return d.countTimeout(fmt.Errorf("%w: %w", cause, err))
	default:
		return fmt.Errorf("%w: %w", cause, err)
	}
}

// beginOnce takes one connection and begins on it, or hands it back.
func (d *DB) beginOnce(wait context.Context, opts sql.TxOptions) (*lease, error) {
	conn, err := d.sql.Conn(wait)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	l := &lease{conn: conn}
	if err := conn.Raw(func(c any) error { l.raw = c.(*stdlib.Conn).Conn(); return nil }); err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := d.beginTx(wait, l, opts); err != nil {
		defer conn.Close()
		if l.tx == nil && l.raw.IsClosed() { // with a tx, database/sql may still be at work on raw
			l.raw.PgConn().Conn().Close() // pgx would take leave first, and on a dead line keep the slot for it
			d.invalidate(l.raw)
			d.retire(l.raw)
			return nil, fmt.Errorf("begin: %w: %w", errStale, err)
		}
		return nil, fmt.Errorf("begin: %w", err)
	}
	return l, nil
}

// beginTx sends BEGIN, which gets ConnectTimeout at most, since on a half-open
// line it would wait for ever. Only until it has succeeded is the transaction
// tied to the wait.
func (d *DB) beginTx(wait context.Context, l *lease, opts sql.TxOptions) (err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(wait))
	untie := context.AfterFunc(wait, cancel)
	limit := time.AfterFunc(max(d.opts.ConnectTimeout-cancelGrace, d.opts.ConnectTimeout/2), cancel)
	l.cancel = cancel
	l.tx, err = l.conn.BeginTx(ctx, &opts)
	inTime, wanted := limit.Stop(), untie()
	if err == nil && (!inTime || !wanted) {
		err = errors.Join(l.tx.Rollback(), context.Canceled)
	}
	if err != nil {
		cancel()
	}
	return err
}

// commit has a limit of its own. If that fires the outcome is unknown even when
// COMMIT returns no error: PostgreSQL answers a cancel while it waits for a
// synchronous standby with success and a warning.
func (l *lease) commit(limit time.Duration) error {
	dead := l.raw.IsClosed() // then COMMIT is not sent
	timer := time.AfterFunc(limit, l.cancel)
	err := l.tx.Commit()
	l.cut = !timer.Stop()
	switch {
	case l.cut:
		return fmt.Errorf("%w: cut off after %v: %w", ErrCommitUnknown, limit, errors.Join(err, context.DeadlineExceeded))
	case err == nil:
		return nil
	case dead || rolledBack(err):
		return fmt.Errorf("commit: %w", err)
	default:
		return fmt.Errorf("%w: %w", ErrCommitUnknown, err)
	}
}

// rollback's error is of no use: a connection on which it failed is closed, and
// PostgreSQL rolls back by itself.
func (l *lease) rollback(limit time.Duration) {
	timer := time.AfterFunc(limit, l.cancel)
	_ = l.tx.Rollback()
	l.cut = !timer.Stop()
}

// release hands the connection back, after commit or rollback.
func (d *DB) release(l *lease, suspect bool) {
	l.cancel()
	if suspect && !l.cut && l.raw.IsClosed() {
		d.invalidate(l.raw)
	}
	d.retire(l.raw)
	_ = l.conn.Close() // pgxpool destroys the connection if it is closed or still in a transaction
	d.out.Add(-1)
	d.gate.leave()
}
