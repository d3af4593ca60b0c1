package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// sessionConn is what GORM sees of a session: a connection that is in a
// transaction already. It implements gorm.ConnPool, and gorm.Tx so that
// tx.Transaction becomes a savepoint. A call that would leave the session or end
// it is refused, and fails the whole session, since callers often ignore GORM's
// error.
type sessionConn struct{ s *Session }

var (
	_ gorm.Tx               = (*sessionConn)(nil)
	_ gorm.ConnPoolBeginner = (*sessionConn)(nil)
	_ gorm.GetDBConnector   = (*sessionConn)(nil)
)

// ExecContext runs a statement without rows.
func (c *sessionConn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return c.s.exec(ctx, query, args)
}

// QueryContext runs a statement with rows.
func (c *sessionConn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return c.s.db.bridge.rows(c.s.query(ctx, query, args))
}

// QueryRowContext runs a statement with one row, which carries the error.
func (c *sessionConn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return c.s.db.bridge.row(c.s.query(ctx, query, args))
}

// PrepareContext makes a statement for StmtContext. It sends nothing: pgx
// prepares a statement when it first runs on a connection.
func (c *sessionConn) PrepareContext(_ context.Context, query string) (*sql.Stmt, error) {
	return c.s.db.bridge.template(query)
}

// StmtContext makes the statement for this session: GORM keeps stmt for all of
// them.
func (c *sessionConn) StmtContext(_ context.Context, stmt *sql.Stmt) *sql.Stmt {
	query, err := c.s.db.bridge.text(stmt)
	if err == nil {
		stmt, err = c.s.db.bridge.stmt(c.s, query)
	}
	if err != nil {
		c.s.abuse(fmt.Errorf("prepared statement: %w", err))
	}
	return stmt
}

// GetDBConn refuses a connection beside the session's: tx.Connection and tx.DB
// would leave the transaction and the pool's limits.
func (c *sessionConn) GetDBConn() (*sql.DB, error) {
	return nil, c.s.abuse(errBeside)
}

var errBeside = fmt.Errorf("tx.DB and tx.Connection: %w: use tx itself, which has one connection", ErrSessionOwned)

// BeginTx refuses tx.Begin.
func (c *sessionConn) BeginTx(context.Context, *sql.TxOptions) (gorm.ConnPool, error) {
	return c, c.s.abuse(errBegin)
}

var errBegin = fmt.Errorf("tx.Begin: %w: use tx.Transaction, which is a savepoint", ErrSessionOwned)

// refuseBegin fails the session for statements on what tx.Begin returned. In its
// prepared mode GORM refuses Begin by itself, without asking the session.
func refuseBegin(conn *gorm.DB) error {
	check := func(tx *gorm.DB) {
		if s := sessionOf(tx); s != nil && errors.Is(tx.Error, gorm.ErrInvalidTransaction) {
			_ = s.abuse(errBegin)
		}
	}
	const name = "session:begin"
	on := conn.Callback()
	return errors.Join(on.Create().Before("*").Register(name, check), on.Query().Before("*").Register(name, check),
		on.Update().Before("*").Register(name, check), on.Delete().Before("*").Register(name, check),
		on.Row().Before("*").Register(name, check), on.Raw().Before("*").Register(name, check))
}

// Commit refuses: what a handler has committed could not be rolled back for an
// error that follows.
func (c *sessionConn) Commit() error {
	return c.s.abuse(fmt.Errorf("tx.Commit: %w", ErrSessionOwned))
}

// Rollback refuses, like Commit.
func (c *sessionConn) Rollback() error {
	return c.s.abuse(fmt.Errorf("tx.Rollback: %w", ErrSessionOwned))
}

// exec runs a statement without rows in the session. pgx sends one without
// parameters by the simple protocol, since it may be several: BEGIN cannot
// travel with these.
func (s *Session) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	return run(s, ctx, query, args, len(args) == 0, func(ctx context.Context, t *transaction) (sql.Result, error) {
		return t.exec(ctx, query, args)
	})
}

// query runs a statement with rows in the session.
func (s *Session) query(ctx context.Context, query string, args []any) (*openRows, error) {
	return run(s, ctx, query, args, false, func(ctx context.Context, t *transaction) (*openRows, error) {
		rows, some, err := t.query(ctx, query, args)
		if err != nil {
			return nil, err
		}
		open := &openRows{rows: rows, s: s, transaction: t, ctx: ctx, query: query, again: some}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open = open
		return open, nil
	})
}

func (s *Session) rowsClosed(r *openRows) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == r {
		s.open = nil
	}
}
