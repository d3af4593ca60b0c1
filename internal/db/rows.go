package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"reflect"
	"sync"

	"github.com/jackc/pgx/v5/stdlib"
)

// openRows are the rows of a session's statement until they are closed. The
// session has no other statement meanwhile: they share one connection. After
// their end nothing of pgx's is touched: it belongs to the next statement.
type openRows struct {
	rows        *stdlib.Rows
	s           *Session
	transaction *transaction
	ctx         context.Context // the statement's
	query       string
	columns     []string

	mu      sync.Mutex // the session's end may meet a goroutine that still reads
	closed  bool
	dispose func() // ends what database/sql keeps for rows that nobody closes
}

// Columns implements driver.Rows.
func (r *openRows) Columns() []string { return r.columns }

// Next implements driver.Rows. An error that comes after the first row counts
// as the statement's own.
func (r *openRows) Next(dest []driver.Value) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fmt.Errorf("rows of a session that has ended: %w", sql.ErrTxDone)
	}
	err := r.rows.Next(dest)
	if err == nil || err == io.EOF {
		return err
	}
	return r.s.settle(r.ctx, r.transaction, r.query, err)
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
	err := r.s.settle(r.ctx, r.transaction, r.query, r.rows.Close())
	r.s.rowsClosed(r)
	return err
}

// whileOpen asks pgx about a column; of closed rows it answers the zero value.
func whileOpen[T any](r *openRows, ask func() T) (answer T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return answer
	}
	return ask()
}

// ColumnTypeDatabaseTypeName implements driver.RowsColumnTypeDatabaseTypeName.
func (r *openRows) ColumnTypeDatabaseTypeName(i int) string {
	return whileOpen(r, func() string { return r.rows.ColumnTypeDatabaseTypeName(i) })
}

// ColumnTypeScanType implements driver.RowsColumnTypeScanType. GORM makes the
// variables for rows that it reads into maps from it.
func (r *openRows) ColumnTypeScanType(i int) reflect.Type {
	if kind := whileOpen(r, func() reflect.Type { return r.rows.ColumnTypeScanType(i) }); kind != nil {
		return kind
	}
	return reflect.TypeFor[any]()
}

// ColumnTypeLength implements driver.RowsColumnTypeLength.
func (r *openRows) ColumnTypeLength(i int) (length int64, ok bool) {
	whileOpen(r, func() (none struct{}) {
		length, ok = r.rows.ColumnTypeLength(i)
		return none
	})
	return length, ok
}

// ColumnTypePrecisionScale implements driver.RowsColumnTypePrecisionScale.
func (r *openRows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	whileOpen(r, func() (none struct{}) {
		precision, scale, ok = r.rows.ColumnTypePrecisionScale(i)
		return none
	})
	return precision, scale, ok
}
