package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"
)

// sessionConn is what GORM sees of a session: a connection that is in a
// transaction already. It implements gorm.ConnPool, and gorm.Tx so that
// tx.Transaction becomes a savepoint, but no BeginTx, which would begin a
// second transaction beside the first.
type sessionConn struct{ s *Session }

// ExecContext runs a statement without rows.
func (c *sessionConn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return observed(c.s, ctx, query, args, func(tx *sql.Tx) (sql.Result, error) {
		return tx.ExecContext(ctx, query, args...)
	})
}

// QueryContext runs a statement with rows.
func (c *sessionConn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return observed(c.s, ctx, query, args, func(tx *sql.Tx) (*sql.Rows, error) {
		return tx.QueryContext(ctx, query, args...)
	})
}

// QueryRowContext runs a statement with one row, which carries the error.
func (c *sessionConn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	row, err := observed(c.s, ctx, query, args, func(tx *sql.Tx) (*sql.Row, error) {
		row := tx.QueryRowContext(ctx, query, args...)
		return row, row.Err()
	})
	if row == nil {
		return failedRow(ctx, err)
	}
	return row
}

// PrepareContext prepares a statement on the session's connection.
func (c *sessionConn) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	l, err := c.s.begin()
	if err != nil {
		return nil, err
	}
	return l.tx.PrepareContext(ctx, query)
}

// StmtContext binds a prepared statement to the session's transaction; GORM
// calls it after PrepareContext only.
func (c *sessionConn) StmtContext(ctx context.Context, stmt *sql.Stmt) *sql.Stmt {
	l, err := c.s.begin()
	if err != nil {
		return stmt // prepared in this session's transaction, so it has ended with it
	}
	return l.tx.StmtContext(ctx, stmt)
}

// GetDBConn gives GORM the pool's figures. What runs on it is outside the session.
func (c *sessionConn) GetDBConn() (*sql.DB, error) { return c.s.db.sql, nil }

// Commit refuses: a handler that committed could not be undone by the error
// that follows.
func (c *sessionConn) Commit() error { return ErrSessionOwned }

// Rollback refuses, like Commit.
func (c *sessionConn) Rollback() error { return ErrSessionOwned }

// observed runs one statement in the session, beginning it if need be, and
// accounts for it.
func observed[T any](s *Session, ctx context.Context, query string, args []any, run func(*sql.Tx) (T, error)) (T, error) {
	l, err := s.begin()
	if err != nil {
		var none T
		return none, err
	}
	start := time.Now()
	result, err := run(l.tx)
	if err != nil && (s.lost(ctx, l) || s.demoted(err)) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	s.observe(ctx, query, args, start, err)
	return result, err
}

// lost reports a connection that ended under its statement, and not because the
// caller gave up.
func (s *Session) lost(ctx context.Context, l *lease) bool {
	return l.raw.IsClosed() && ctx.Err() == nil
}

// demoted reports a server that takes no writes from a session that may write:
// after a failover the pool's connections lead to the wrong one.
func (s *Session) demoted(err error) bool { return isReadOnlyServer(err) && !s.opts.readOnly }

// failedRow makes a *sql.Row that carries err: database/sql has no other way
// than a query whose connection fails with it.
func failedRow(ctx context.Context, err error) *sql.Row {
	broken := sql.OpenDB(failing{err})
	defer broken.Close()
	return broken.QueryRowContext(context.WithoutCancel(ctx), "")
}

// failing is a driver.Connector whose connections fail with err.
type failing struct{ err error }

func (f failing) Connect(context.Context) (driver.Conn, error) { return nil, f.err }
func (f failing) Driver() driver.Driver                        { return nil }
