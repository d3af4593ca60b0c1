package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
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
	result, err := observed(c.s, ctx, query, args, func(tx *sql.Tx) (sql.Result, error) {
		return tx.ExecContext(ctx, query, args...)
	})
	c.s.markHooks(query)
	return result, err
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
	if err != nil {
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

// StmtContext binds a prepared statement to the session's transaction. GORM
// keeps statements for all sessions: stmt itself may belong to another one's
// transaction, and must never run for this one.
func (c *sessionConn) StmtContext(ctx context.Context, stmt *sql.Stmt) *sql.Stmt {
	l, err := c.s.begin()
	if err != nil {
		return failedStmt(ctx, err)
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
	err = s.explain(ctx, l, err)
	s.observe(ctx, query, args, start, err)
	return result, err
}

// explain puts the reason before what it did to the statement: PostgreSQL's
// "canceling statement due to user request" does not say why it was cancelled.
func (s *Session) explain(ctx context.Context, l *lease, err error) error {
	switch cause := context.Cause(ctx); {
	case err == nil, cause != nil && errors.Is(err, cause):
		return err
	case cause != nil:
		return fmt.Errorf("%w: %w", cause, err)
	case errors.Is(err, driver.ErrBadConn): // database/sql's word for a line lost before the statement was sent
		return fmt.Errorf("%w: connection lost", ErrUnavailable)
	case l.raw.IsClosed(), s.demoted(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return err
	}
}

// demoted reports a server that takes no writes from a session that may write:
// after a failover the pool's connections lead to the wrong one.
func (s *Session) demoted(err error) bool { return isReadOnlyServer(err) && !s.opts.readOnly }

// failedRow makes a *sql.Row that carries err: database/sql has no other way
// than a query that fails with it.
func failedRow(ctx context.Context, err error) *sql.Row {
	broken := sql.OpenDB(failing{err})
	defer broken.Close()
	return broken.QueryRowContext(context.WithoutCancel(ctx), "")
}

// failedStmt makes a *sql.Stmt that fails with err. The connection that it was
// prepared on outlives the *sql.DB and holds nothing but memory.
func failedStmt(ctx context.Context, err error) *sql.Stmt {
	broken := sql.OpenDB(failing{err})
	defer broken.Close()
	ctx = context.WithoutCancel(ctx)
	conn, _ := broken.Conn(ctx)             // failing never fails to connect
	stmt, _ := conn.PrepareContext(ctx, "") // nor to prepare
	return stmt
}

// failing is a driver that is connector, connection and statement in one; its
// statements fail with err.
type failing struct{ err error }

func (f failing) Connect(context.Context) (driver.Conn, error) { return f, nil }
func (f failing) Driver() driver.Driver                        { return nil }
func (f failing) Prepare(string) (driver.Stmt, error)          { return f, nil }
func (f failing) Begin() (driver.Tx, error)                    { return nil, f.err }
func (f failing) Close() error                                 { return nil }
func (f failing) NumInput() int                                { return -1 }
func (f failing) Exec([]driver.Value) (driver.Result, error)   { return nil, f.err }
func (f failing) Query([]driver.Value) (driver.Rows, error)    { return nil, f.err }
