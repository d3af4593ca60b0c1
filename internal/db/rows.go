package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// openRows are the rows of a session's statement until they are closed. The
// session has no other statement meanwhile: they share one connection. After
// their end nothing of pgx's is touched: it belongs to the next statement.
type openRows struct {
	rows        pgx.Rows
	s           *Session
	transaction *transaction
	ctx         context.Context // the statement's
	query       string
	columns     []string // once they were asked for
	again       bool     // the next row is the one that rows are at

	mu      sync.Mutex // the session's end may meet a goroutine that still reads
	closed  bool
	dispose func() // ends what database/sql keeps for rows that nobody closes
}

// Columns implements driver.Rows.
func (r *openRows) Columns() []string {
	if r.columns == nil {
		r.columns = whileOpen(r, columnNames)
	}
	return r.columns
}

// Next implements driver.Rows.
func (r *openRows) Next(dest []driver.Value) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err = r.advance(); err != nil {
		return err
	}
	types, columns := r.rows.TypeMap(), r.rows.FieldDescriptions()
	for i, raw := range r.rows.RawValues() {
		if dest[i], err = driverValue(types, &columns[i], raw); err != nil {
			return r.s.settle(r.ctx, r.transaction, r.query, fmt.Errorf("convert field %d failed: %w", i, err))
		}
	}
	return nil
}

// next has read look at the next row.
func (r *openRows) next(read func(columns []pgconn.FieldDescription, row [][]byte)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.advance()
	if err == nil {
		read(r.rows.FieldDescriptions(), r.rows.RawValues())
	}
	return err
}

// advance goes to the next row. An error that comes after the first one counts as
// the statement's own. The caller holds mu.
func (r *openRows) advance() error {
	if r.closed {
		return fmt.Errorf("rows of a session that has ended: %w", sql.ErrTxDone)
	}
	if r.again || r.rows.Next() {
		r.again = false
		return nil
	}
	if r.rows.Err() == nil {
		return io.EOF
	}
	return r.s.settle(r.ctx, r.transaction, r.query, r.rows.Err())
}

// Close implements driver.Rows. It reads what is left of the answer.
func (r *openRows) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.close()
}

// shut closes the rows at the session's end. A goroutine that still reads is cut off.
func (r *openRows) shut() {
	if !r.mu.TryLock() {
		_ = r.s.abuse(fmt.Errorf("%w: the session ended while a goroutine was reading rows", ErrSessionBusy))
		r.s.interrupt()
		r.mu.Lock()
	}
	_ = r.close()
	dispose := r.dispose
	r.dispose = nil // it refers to rows that refer to r, and a finalizer does not run in a cycle
	r.mu.Unlock()
	if dispose != nil {
		dispose()
	}
}

// onShut sets what shut calls at the end, without the lock.
func (r *openRows) onShut(dispose func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dispose = dispose
}

func (r *openRows) close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.s.settle(r.ctx, r.transaction, r.query, r.end())
	r.s.rowsClosed(r)
	return err
}

func (r *openRows) end() error {
	r.rows.Close()
	return r.rows.Err()
}
