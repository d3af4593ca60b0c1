package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// bridge makes the *sql.Rows, *sql.Row and *sql.Stmt that GORM asks for, which
// have no constructors: a driver whose connections are no connections. A
// session runs its statement itself and passes the result through; what comes
// to the bridge in any other way has no session and fails.
type bridge struct {
	sql *sql.DB
	ctx context.Context // never ends: a session's own context ends its statements
}

func newBridge(ctx context.Context) *bridge {
	b := &bridge{sql: sql.OpenDB(bridgeConn{}), ctx: context.WithoutCancel(ctx)}
	b.sql.SetMaxIdleConns(64) // each is a few bytes
	return b
}

// rows returns result or err as database/sql's rows.
func (b *bridge) rows(result driver.Rows, err error) (*sql.Rows, error) {
	if err != nil {
		return nil, err
	}
	return b.sql.QueryContext(b.ctx, "", result)
}

// row returns result or err as a row: Scan and Err report it.
func (b *bridge) row(result driver.Rows, err error) *sql.Row {
	if err == nil {
		return b.sql.QueryRowContext(b.ctx, "", result)
	}
	row := b.sql.QueryRowContext(b.ctx, "", err)
	if !errors.Is(row.Err(), err) { // after Close it has an error of its own
		closed := sql.OpenDB(bridgeConn{})
		defer closed.Close()
		row = closed.QueryRowContext(b.ctx, "", err)
	}
	return row
}

// stmt returns a statement that runs in the session, and in no other. It keeps
// a bridgeConn of its own: on another one database/sql would prepare it again.
func (b *bridge) stmt(s *Session, query string) (*sql.Stmt, error) {
	conn, err := b.sql.Conn(b.ctx)
	if err != nil { // nothing but Close can make it fail
		return nil, errClosed
	}
	return conn.PrepareContext(context.WithValue(b.ctx, bridgeKey{}, s), query)
}

// text returns the text of a statement that stmt made.
func (b *bridge) text(stmt *sql.Stmt) (query string, err error) {
	_, err = stmt.ExecContext(context.WithValue(b.ctx, textKey{}, true), &query)
	return query, err
}

type (
	bridgeKey struct{} // the session that a statement is made for
	textKey   struct{} // asks a statement for its text
	ownerKey  struct{} // the session that a statement's context comes from
)

// errNoSession is for statements on the *gorm.DB below the sessions.
var errNoSession = errors.New("a statement outside of a session: use WithSession")

// noSession refuses a statement that came past the session. GORM's prepared mode
// leads tx.DB and tx.Connection here: that fails the session, if ctx is its own.
func noSession(ctx context.Context) error {
	if s, ok := ctx.Value(ownerKey{}).(*Session); ok {
		return s.abuse(errBeside)
	}
	return errNoSession
}

// bridgeConn is connector and connection in one.
type bridgeConn struct{}

func (c bridgeConn) Connect(context.Context) (driver.Conn, error) { return c, nil }
func (bridgeConn) Driver() driver.Driver                          { return nil }
func (bridgeConn) Prepare(string) (driver.Stmt, error)            { return nil, errNoSession }
func (bridgeConn) Begin() (driver.Tx, error)                      { return nil, errNoSession }
func (bridgeConn) Close() error                                   { return nil }
func (bridgeConn) CheckNamedValue(*driver.NamedValue) error       { return nil }

// BeginTx implements driver.ConnBeginTx.
func (bridgeConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	return nil, noSession(ctx)
}

// QueryContext hands out what rows or row gave it.
func (bridgeConn) QueryContext(ctx context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) == 1 {
		switch given := args[0].Value.(type) {
		case driver.Rows:
			return given, nil
		case error:
			return nil, given
		}
	}
	return nil, noSession(ctx)
}

// PrepareContext makes a statement of the session in ctx.
func (bridgeConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, ok := ctx.Value(bridgeKey{}).(*Session)
	if !ok {
		return nil, noSession(ctx)
	}
	return bridgeStmt{s: s, query: query}, nil
}

// bridgeStmt is a text and the session that runs it. pgx prepares and caches.
type bridgeStmt struct {
	s     *Session
	query string
}

func (bridgeStmt) Close() error                               { return nil }
func (bridgeStmt) NumInput() int                              { return -1 }
func (bridgeStmt) CheckNamedValue(*driver.NamedValue) error   { return nil }
func (bridgeStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errNoSession }
func (bridgeStmt) Query([]driver.Value) (driver.Rows, error)  { return nil, errNoSession }

func (b bridgeStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 1 {
		if query, ok := args[0].Value.(*string); ok && ctx.Value(textKey{}) != nil {
			*query = b.query
			return driver.RowsAffected(0), nil
		}
	}
	return b.s.exec(ctx, b.query, plain(args))
}

func (b bridgeStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return b.s.query(ctx, b.query, plain(args))
}

// plain and named convert between database/sql's forms of the arguments.
func plain(args []driver.NamedValue) []any {
	values := make([]any, len(args))
	for i, arg := range args {
		values[i] = arg.Value
	}
	return values
}

func named(args []any) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return values
}
