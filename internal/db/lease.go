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
	"github.com/jackc/pgx/v5/stdlib"
)

// lease is one connection out of the pool with a transaction begun on it. A
// caller that goes away ends its statement, not the connection: BEGIN, COMMIT
// and ROLLBACK have time limits of their own.
type lease struct {
	driver *stdlib.Conn // the connection as database/sql's driver has it
	conn   *pgx.Conn    // the same connection
	line   *line        // its network side
	cut    bool         // COMMIT or ROLLBACK was cut off at its limit
	reset  string       // undoes what a session has set; "": nothing is to be undone
	dirty  bool         // reset is to go with COMMIT or ROLLBACK
	spoilt bool         // holds what no reset undoes: not to be used again
}

// errStale says that a connection was dead already.
var errStale = errors.New("stale connection")

// errLost stands for database/sql's driver.ErrBadConn, which callers must not
// see: it makes them believe that they may repeat.
var errLost = errors.New("connection lost")

// enter waits until the session may have a connection. The wait counts from the
// moment at which the session asked, which is before wait began: one that ends
// at PoolTimeout has lasted for all of it. Errors: ErrPoolTimeout, ErrQueueFull,
// or the cause for which wait ended.
func (d *DB) enter(wait context.Context, asked time.Time) error {
	err := d.gate.enter(wait)
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

// lease takes a connection and begins on it, with the statement that send
// sends, all within the time of wait, which is PoolTimeout at most. A connection found dead is replaced and both
// are repeated: BEGIN was not answered, so nothing was done, and a transaction
// that has not seen COMMIT changes nothing. It returns the lease if the
// transaction has begun; the error is then send's.
//
// Other errors: ErrPoolTimeout, ErrQueueFull, ErrUnavailable, a setting that
// PostgreSQL refuses, the cause for which wait ended; and send's own if it sent
// nothing (outcome unsent).
func (d *DB) lease(wait context.Context, asked time.Time, begin beginning, send func(*lease) error) (*lease, outcome, error) {
	if err := d.enter(wait, asked); err != nil {
		return nil, unanswered, err
	}
	var counted sync.Once
	for {
		l, reached, err := d.beginOnce(wait, begin, func(l *lease) error {
			counted.Do(func() { d.acquires.Add(1) })
			return send(l)
		})
		if reached == begun {
			return l, begun, err
		}
		if reached != unanswered || !d.opts.PrePing || wait.Err() != nil || !errors.Is(err, errStale) {
			d.gate.leave()
			return nil, reached, d.leaseError(wait, reached, err)
		}
	}
}

// beginOnce tries one connection. It hands it back unless the transaction has begun.
func (d *DB) beginOnce(wait context.Context, begin beginning, send func(*lease) error) (*lease, outcome, error) {
	l, err := d.take(wait)
	if err != nil {
		return nil, unanswered, err
	}
	d.out.Add(1)
	reached, err := d.beginWith(l, begin, send)
	if reached == refused && isForgotten(err) && d.forgetPlans(wait, l) == nil { // somebody has dropped what was prepared
		reached, err = d.beginWith(l, begin, send)
	}
	switch {
	case reached == begun:
		return l, begun, err
	case l.lost():
		reached = unanswered
		if wait.Err() == nil || !stateOf(l.conn.PgConn()).severed {
			l.conn.PgConn().Conn().Close() // else pgx says goodbye first, and on a dead line keeps the slot for it
			d.invalidate(l.conn)
			err = fmt.Errorf("%w: %w", errStale, err)
		}
	case reached == refused:
		if l.open() {
			l.rollback(wait, endTimeout-cancelGrace)
		}
		if len(begin.names) > 0 {
			err = fmt.Errorf("%w %s: %w", errSetting, strings.Join(begin.names, ", "), err)
		}
	}
	d.giveBack(l)
	d.out.Add(-1)
	return nil, reached, err
}

// beginWith puts BEGIN before what send writes, and says how far that came.
func (d *DB) beginWith(l *lease, begin beginning, send func(*lease) error) (outcome, error) {
	err := l.line.arm(begin, !d.opts.PgBouncer, d.opts.ConnectTimeout)
	if err == nil {
		err = send(l)
	}
	return l.line.disarm(), err
}

// take takes a connection out of the pool, or opens one.
func (d *DB) take(wait context.Context) (*lease, error) {
	conn, err := d.connector.Connect(wait)
	if err != nil {
		if d.closing.Load() {
			err = errClosed
		}
		return nil, fmt.Errorf("connect: %w", err)
	}
	l := &lease{driver: conn.(*stdlib.Conn)}
	l.conn = l.driver.Conn()
	l.line = l.conn.PgConn().Conn().(*line)
	return l, nil
}

// leaseError puts the reason for which the wait ended first, before the error
// to which that led.
func (d *DB) leaseError(wait context.Context, reached outcome, err error) error {
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
func (l *lease) nothing(ctx context.Context) error {
	_, err := l.conn.PgConn().ExecParams(ctx, "", nil, nil, nil, nil).Close()
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

// sever cuts the line on this side: that says nothing about the server.
func (l *lease) sever() {
	stateOf(l.conn.PgConn()).severed = true
	_ = l.conn.PgConn().Conn().Close()
}

// interrupt ends what another goroutine does on the connection.
func (l *lease) interrupt() { _ = l.conn.PgConn().Conn().SetDeadline(time.Unix(1, 0)) }

// open reports whether the transaction is still there, failed or not.
func (l *lease) open() bool { return l.conn.PgConn().TxStatus() != 'I' }

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
