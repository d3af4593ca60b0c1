package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"sync"

	"github.com/jackc/pgx/v5/stdlib"
)

// openRows are the rows of a session's statement until they are closed. The
// session has no other statement meanwhile: they share one connection.
type openRows struct {
	*stdlib.Rows
	s     *Session
	lease *lease
	ctx   context.Context // the statement's
	query string

	mu     sync.Mutex // the session's end may meet a goroutine that still reads
	closed bool
}

// Next implements driver.Rows. An error that comes after the first row counts
// as the statement's own.
func (r *openRows) Next(dest []driver.Value) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return io.EOF
	}
	err := r.Rows.Next(dest)
	if err == nil || err == io.EOF {
		return err
	}
	return r.s.settle(r.ctx, r.lease, r.query, err)
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
	defer r.mu.Unlock()
	_ = r.close()
}

func (r *openRows) close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.s.settle(r.ctx, r.lease, r.query, r.Rows.Close())
	r.s.rowsClosed(r)
	return err
}
