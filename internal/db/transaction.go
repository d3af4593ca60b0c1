package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// transaction is a connection out of the pool on which BEGIN has succeeded. A
// caller that goes away ends its statement, not the connection: BEGIN, COMMIT
// and ROLLBACK have time limits of their own.
type transaction struct {
	lease  *pgxpool.Conn // the connection as the pool has it
	conn   *pgx.Conn     // the same connection
	line   *line         // its network side
	cut    bool          // COMMIT or ROLLBACK was cut off at its limit
	reset  string        // undoes what a session has set; "": nothing is to be undone
	dirty  bool          // reset is to go with COMMIT or ROLLBACK
	spoilt bool          // holds what no reset undoes: not to be used again
}

// errStale says that a connection was dead already.
var errStale = errors.New("stale connection")

// errLost stands for database/sql's driver.ErrBadConn: a caller that sees that one
// repeats the statement, outside of the transaction.
var errLost = errors.New("connection lost")

// awaitSlot waits until the session may have a connection. The wait counts from the
// moment at which the session asked, which is before wait began: one that ends
// at PoolTimeout has lasted for all of it. Errors: ErrPoolTimeout, ErrQueueFull,
// or the cause for which wait ended.
func (d *DB) awaitSlot(wait context.Context, asked time.Time) error {
	err := d.limiter.acquire(wait)
	d.waitNanos.Add(int64(time.Since(asked)))
	return d.countTimeout(err)
}

// countTimeout counts the callers that waited in vain.
func (d *DB) countTimeout(err error) error {
	if errors.Is(err, ErrPoolTimeout) {
		d.timeouts.Add(1)
	}
	return err
}

// beginTransaction takes a connection and begins on it, with the statement that
// send sends, all within the time of wait, which is PoolTimeout at most. A dead
// connection is replaced, and both are sent again: BEGIN was not answered, so
// nothing was done, and a transaction that has not seen COMMIT changes nothing.
// Where the transaction has begun, the error is send's.
//
// Other errors: ErrPoolTimeout, ErrQueueFull, ErrUnavailable, a setting that
// PostgreSQL refuses, the cause for which wait ended; and send's own if it sent
// nothing (outcome unsent).
func (d *DB) beginTransaction(wait context.Context, asked time.Time, begin beginning, send func(*transaction) error) (*transaction, outcome, error) {
	if err := d.awaitSlot(wait, asked); err != nil {
		return nil, unanswered, err
	}
	var counted sync.Once
	for {
		t, reached, err := d.beginOnce(wait, begin, func(t *transaction) error {
			counted.Do(func() { d.acquires.Add(1) })
			return send(t)
		})
		if reached == begun {
			return t, begun, err
		}
		if reached != unanswered || !d.opts.PrePing || wait.Err() != nil || !errors.Is(err, errStale) {
			d.limiter.release()
			return nil, reached, d.beginError(wait, reached, err)
		}
	}
}

// beginOnce tries one connection. It hands it back unless the transaction has begun.
func (d *DB) beginOnce(wait context.Context, begin beginning, send func(*transaction) error) (*transaction, outcome, error) {
	t, err := d.take(wait)
	if err != nil {
		return nil, unanswered, err
	}
	d.checkedOut.Add(1)
	reached, err := d.beginWith(t, begin, send)
	if reached == refused && isForgotten(err) && d.forgetPlans(wait, t) == nil { // somebody has dropped what was prepared
		reached, err = d.beginWith(t, begin, send)
	}
	switch {
	case reached == begun:
		return t, begun, err
	case t.lost():
		reached = unanswered
		if wait.Err() == nil || !stateOf(t.conn.PgConn()).severed {
			t.conn.PgConn().Conn().Close() // pgx sends Terminate first, and keeps the slot for as long as a dead line does not take it
			d.invalidate(t.conn)
			err = fmt.Errorf("%w: %w", errStale, err)
		}
	case reached == refused:
		if t.open() {
			t.rollback(wait, endTimeout-cancelGrace)
		}
		if sqlstate(err) == "0A000" { // no standby does SERIALIZABLE
			d.invalidate(t.conn)
			err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if len(begin.names) > 0 {
			err = fmt.Errorf("%w %s: %w", errSetting, strings.Join(begin.names, ", "), err)
		}
	}
	d.giveBack(t)
	d.checkedOut.Add(-1)
	return nil, reached, err
}

// beginWith puts BEGIN before what send writes, and returns how far BEGIN came.
func (d *DB) beginWith(t *transaction, begin beginning, send func(*transaction) error) (reached outcome, err error) {
	defer func() { reached = t.line.disarm() }() // also where a value that is to be sent panics
	if err = t.line.arm(begin, !d.opts.PgBouncer, d.opts.ConnectTimeout); err == nil {
		err = send(t)
	}
	return reached, err
}

// take takes a connection out of the pool, or opens one.
func (d *DB) take(wait context.Context) (*transaction, error) {
	lease, err := d.pool.Acquire(wait)
	if err != nil {
		if d.closing.Load() {
			err = errClosed
		}
		return nil, fmt.Errorf("connect: %w", err)
	}
	t := &transaction{lease: lease, conn: lease.Conn()}
	t.line = t.conn.PgConn().Conn().(*line)
	return t, nil
}

// beginError names first why the wait ended, if it did, and then the error that
// followed from it.
func (d *DB) beginError(wait context.Context, reached outcome, err error) error {
	switch cause := context.Cause(wait); {
	case reached == unsent:
		return err
	case errors.Is(cause, ErrPoolTimeout):
		return d.countTimeout(fmt.Errorf("%w: %w", cause, err))
	case cause != nil:
		return fmt.Errorf("%w: %w", cause, err)
	case reached == refused:
		return fmt.Errorf("begin: %w", err)
	default:
		return fmt.Errorf("%w: begin: %w", ErrUnavailable, err)
	}
}

// nothing is a statement without effect, for a BEGIN that cannot travel with
// the one that follows.
func (t *transaction) nothing(ctx context.Context) error {
	_, err := t.conn.PgConn().ExecParams(ctx, "", nil, nil, nil, nil).Close()
	return err
}

// exec runs a statement without rows.
func (t *transaction) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	tag, err := t.conn.Exec(ctx, query, args...)
	return driver.RowsAffected(tag.RowsAffected()), err
}

// query runs a statement with rows, and is then at the first one, if there is one.
func (t *transaction) query(ctx context.Context, query string, args []any) (rows pgx.Rows, some bool, err error) {
	if t.conn.IsClosed() {
		return nil, false, errLost
	}
	rows, err = t.conn.Query(ctx, query, append([]any{binaryTypes}, args...)...)
	if pgconn.SafeToRetry(err) {
		return nil, false, errLost
	}
	if err != nil {
		return nil, false, err
	}
	some = rows.Next() // before that there may be an error, and nothing is known of the columns
	if err = rows.Err(); err != nil {
		rows.Close()
		return nil, false, err
	}
	return rows, some, nil
}

// lost reports that the connection is gone, whoever ended it.
func (t *transaction) lost() bool { return t.conn.IsClosed() || stateOf(t.conn.PgConn()).severed }

// sever cuts the line on this side. Unlike a line that the server or the network
// has cut, it is no reason to replace the pool's other connections.
func (t *transaction) sever() {
	stateOf(t.conn.PgConn()).severed = true
	_ = t.conn.PgConn().Conn().Close()
}

// interrupt ends what another goroutine does on the connection.
func (t *transaction) interrupt() { _ = t.conn.PgConn().Conn().SetDeadline(time.Unix(1, 0)) }

// open reports whether the transaction is still there, failed or not.
func (t *transaction) open() bool { return t.conn.PgConn().TxStatus() != 'I' }

// release hands the connection back, after commit or rollback.
func (d *DB) release(t *transaction, suspect bool) {
	if suspect && !t.cut && t.conn.IsClosed() && !stateOf(t.conn.PgConn()).severed {
		d.invalidate(t.conn)
	}
	d.giveBack(t)
	d.checkedOut.Add(-1)
	d.limiter.release()
}

// giveBack returns the connection to the pool, which closes it if it is closed,
// spoilt or still in a transaction.
func (d *DB) giveBack(t *transaction) {
	d.retire(t.conn)
	if t.spoilt && !t.lost() {
		d.hangUp(t.conn)
	}
	if t.spoilt || t.lost() {
		closeSoon(d.bridge.ctx, t.conn) // so that the pool sees it closed
	}
	t.lease.Release()
}
