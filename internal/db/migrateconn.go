package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/stdlib"
)

// migrationConnector hands goose connections that see each statement of a
// migration: they set its limits and know which one failed.
type migrationConnector struct{ m *Migrator }

func (c migrationConnector) Driver() driver.Driver { return stdlib.GetDefaultDriver() }

func (c migrationConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := stdlib.GetConnector(*c.m.cfg.Copy(), stdlib.OptionAfterConnect(clearDeadline)).Connect(ctx)
	if err != nil {
		return nil, err
	}
	limited := &migrationConn{Conn: conn.(*stdlib.Conn), m: c.m}
	if err := limited.limit(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return limited, nil
}

// migrationConn is one of goose's connections.
type migrationConn struct {
	*stdlib.Conn
	m             *Migrator
	inTransaction bool
}

// noLimits lifts the time-outs that the role, the database or the URL sets, for
// the transaction or for the session. Settings that this server does not know
// are left out.
func noLimits(local bool) string {
	return setAll(local, "('statement_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'), "+
		"('idle_session_timeout', '0')")
}

func setAll(local bool, values string) string {
	return fmt.Sprintf("SELECT set_config(name, value, %t) FROM (VALUES %s) AS v (name, value) JOIN pg_settings USING (name)", local, values)
}

// limit prepares the connection for statements outside of transactions. Behind
// PgBouncer it must not: what is set there stays for other clients, and the
// watcher keeps the lock time-out instead.
func (c *migrationConn) limit(ctx context.Context) error {
	if c.m.opts.PgBouncer {
		return nil
	}
	isolation := setAll(false, "('default_transaction_isolation', 'read committed')")
	_, err := c.Conn.ExecContext(ctx, noLimits(false)+";"+isolation+";"+c.lockTimeout(false), nil)
	return err
}

func (c *migrationConn) lockTimeout(local bool) string {
	return setAll(local, fmt.Sprintf("('lock_timeout', '%dms')", max(c.m.opts.MigrateLockTimeout.Milliseconds(), 1)))
}

// ResetSession undoes what the last migration has set for its session: the next
// one finds what it finds where it is the only one that is pending.
func (c *migrationConn) ResetSession(ctx context.Context) error {
	c.inTransaction = false
	if err := c.Conn.ResetSession(ctx); err != nil {
		return err
	}
	if !c.m.opts.PgBouncer {
		if _, err := c.Conn.ExecContext(ctx, resetSettings+resetObjects, nil); err != nil {
			return err
		}
	}
	return c.limit(ctx)
}

// BeginTx sets the limits for the transaction, which PgBouncer allows.
func (c *migrationConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	opts.Isolation = driver.IsolationLevel(sql.LevelReadCommitted)
	tx, err := c.Conn.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	if _, err := c.Conn.ExecContext(ctx, noLimits(true)+";"+c.lockTimeout(true), nil); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	c.inTransaction = true
	return migrationTx{tx, ctx, c}, nil
}

type migrationTx struct {
	driver.Tx
	ctx  context.Context
	conn *migrationConn
}

// Commit makes sure of the lock first: an instance that has taken it meanwhile
// may have applied the same migration.
func (t migrationTx) Commit() error {
	t.conn.inTransaction = false
	if lock := t.conn.m.lock; lock != nil {
		if err := lock.check(t.ctx); err != nil {
			return errors.Join(err, t.Tx.Rollback())
		}
	}
	return t.Tx.Commit()
}

func (t migrationTx) Rollback() error {
	t.conn.inTransaction = false
	return t.Tx.Rollback()
}

// errLeftOpen refuses a migration whose last transaction would end with its
// connection, after it has counted as applied.
var errLeftOpen = errors.New("it has begun a transaction and not ended it: COMMIT is missing")

// open reports a transaction that the migration has begun by itself.
func (c *migrationConn) open() bool {
	return !c.inTransaction && c.Conn.Conn().PgConn().TxStatus() != 'I'
}

// ExecContext runs a statement. Those with arguments are goose's own, when the
// migration is through.
func (c *migrationConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) > 0 && c.m.run.running() && c.open() {
		return nil, errLeftOpen
	}
	if len(args) > 0 || !c.m.run.running() {
		return c.Conn.ExecContext(ctx, query, args)
	}
	number, done := c.m.run.next()
	if done {
		return driver.ResultNoRows, nil
	}
	result, err := c.execStatement(ctx, query)
	if err != nil {
		return nil, &statementError{number, query, c.inTransaction, err}
	}
	if !c.inTransaction && !c.open() {
		c.m.run.kept(number)
	}
	return result, nil
}

func (c *migrationConn) execStatement(ctx context.Context, query string) (driver.Result, error) {
	if c.inTransaction {
		return c.Conn.ExecContext(ctx, query, nil)
	}
	query, err := c.m.clearLeftovers(ctx, c, query)
	if err != nil {
		return nil, err
	}
	return c.execBounded(ctx, query)
}

// execBounded runs a statement outside of a transaction. Behind PgBouncer the
// watcher has its backend cancelled when it has waited for a lock too long.
func (c *migrationConn) execBounded(ctx context.Context, query string) (driver.Result, error) {
	if !c.m.opts.PgBouncer {
		return c.Conn.ExecContext(ctx, query, nil)
	}
	c.m.run.watched(true)
	result, err := c.Conn.ExecContext(ctx, query, nil)
	if c.m.run.watched(false) && err != nil {
		return nil, fmt.Errorf("%w: %w", errLockTimeout, err)
	}
	return result, err
}

// errLockTimeout is what a statement fails with that the watcher has cancelled.
var errLockTimeout = errors.New("canceling statement due to lock timeout")

// lockDenied recognises a statement that did not get its locks: it ran into the
// time-out, or was the victim of a deadlock.
func lockDenied(err error) bool {
	code := sqlstate(err)
	return errors.Is(err, errLockTimeout) || code == "55P03" || code == "40P01"
}

// statementError says which statement of a migration failed.
type statementError struct {
	number        int
	text          string
	inTransaction bool
	err           error
}

func (e *statementError) Unwrap() error { return e.err }

func (e *statementError) Error() string {
	return fmt.Sprintf("statement %d (%s): %v", e.number, shortSQL(e.text, 80), oneLine{e.err})
}
