package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

// bridge makes the *sql.Rows, *sql.Row and *sql.Stmt that GORM asks for. They have
// no constructors, so the bridge is a database/sql driver without a database: a
// session runs its statement itself and passes the result through the bridge. A
// statement that reaches the bridge in any other way has no session, and fails.
type bridge struct {
	sql *sql.DB
	ctx context.Context // never ends: a session's own context ends its statements

	stmts sync.Map // sessions' statements by their name: string → bridgeStmt
	named atomic.Int64
}

func newBridge(ctx context.Context) *bridge {
	b := &bridge{ctx: context.WithoutCancel(ctx)}
	b.sql = sql.OpenDB(bridgeConn{b})
	b.sql.SetMaxIdleConns(64) // each is a few bytes
	b.stmts.Store(ofEnded, bridgeStmt{err: sql.ErrTxDone})
	return b
}

// rows returns result or err as database/sql's rows. Those that a session left
// open are closed when nobody refers to them any more: a goroutine that still
// reads would take an earlier Close for the last row.
func (b *bridge) rows(result *openRows, err error) (*sql.Rows, error) {
	if err != nil {
		return nil, err
	}
	rows, err := b.sql.QueryContext(b.ctx, "", result)
	if err != nil { // nothing but Close can make it fail
		_ = result.Close()
		return nil, errClosed
	}
	result.onShut(func() { runtime.SetFinalizer(rows, (*sql.Rows).Close) })
	return rows, nil
}

// row returns result or err as a row: Scan and Err report err. Nothing but its
// context can close the row from outside.
func (b *bridge) row(result *openRows, err error) *sql.Row {
	if err != nil {
		return b.failedRow(err)
	}
	ctx, end := context.WithCancel(b.ctx)
	result.onShut(end)
	return b.sql.QueryRowContext(ctx, "", result)
}

func (b *bridge) failedRow(err error) *sql.Row {
	row := b.sql.QueryRowContext(b.ctx, "", err)
	if !errors.Is(row.Err(), err) { // after Close it has an error of its own
		closed := sql.OpenDB(bridgeConn{b})
		defer closed.Close()
		row = closed.QueryRowContext(b.ctx, "", err)
	}
	return row
}

// stmt returns a statement that runs in the session, until that ends.
// database/sql prepares it on several of the bridge's connections, which find
// the session by a name that no statement can have.
func (b *bridge) stmt(s *Session, query string) (*sql.Stmt, error) {
	if s.hasEnded() {
		return b.prepare(ofEnded)
	}
	name := "\x00" + strconv.FormatInt(b.named.Add(1), 36)
	b.stmts.Store(name, bridgeStmt{s: s, query: query})
	stmt, err := b.prepare(name)
	if err != nil {
		b.stmts.Delete(name)
		return nil, err
	}
	s.atEnd(func() {
		_ = stmt.Close()
		b.stmts.Delete(name)
	})
	return stmt, nil
}

// template returns a statement that only holds the text for stmt: GORM keeps it
// for all sessions.
func (b *bridge) template(query string) (*sql.Stmt, error) { return b.prepare(query) }

func (b *bridge) prepare(text string) (*sql.Stmt, error) {
	stmt, err := b.sql.PrepareContext(b.ctx, text)
	if err != nil { // nothing but Close can make it fail
		return nil, errClosed
	}
	return stmt, nil
}

// text returns the text of a statement that template made.
func (b *bridge) text(stmt *sql.Stmt) (query string, err error) {
	if _, err = stmt.ExecContext(context.WithValue(b.ctx, textKey{}, true), &query); err != nil {
		return "", errClosed
	}
	return query, nil
}

type (
	textKey  struct{} // asks a statement for its text
	ownerKey struct{} // the session that a statement's context comes from
)

// ofEnded is the name of the statement of sessions that have ended.
const ofEnded = "\x00"

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
type bridgeConn struct{ b *bridge }

func (c bridgeConn) Connect(context.Context) (driver.Conn, error) { return c, nil }
func (bridgeConn) Driver() driver.Driver                          { return nil }
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

// Prepare finds a session's statement by its name, or keeps a text.
func (c bridgeConn) Prepare(query string) (driver.Stmt, error) {
	if stmt, ok := c.b.stmts.Load(query); ok {
		return stmt.(bridgeStmt), nil
	}
	return bridgeStmt{query: query}, nil
}

// bridgeStmt is a text and the session that runs it. pgx prepares and caches.
type bridgeStmt struct {
	s     *Session
	query string
	err   error // of a statement whose session has ended
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
	if b.s == nil {
		return nil, b.refusal(ctx)
	}
	return b.s.exec(ctx, b.query, plain(args))
}

func (b bridgeStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if b.s == nil {
		return nil, b.refusal(ctx)
	}
	rows, err := b.s.query(ctx, b.query, plain(args))
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (b bridgeStmt) refusal(ctx context.Context) error {
	if b.err != nil {
		return b.err
	}
	return noSession(ctx)
}

// plain are the arguments as the session has them.
func plain(args []driver.NamedValue) []any {
	values := make([]any, len(args))
	for i, arg := range args {
		values[i] = arg.Value
	}
	return values
}
