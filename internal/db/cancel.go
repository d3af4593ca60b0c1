package db

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// cancelGrace is how long a cancelled statement may take to end, and its cancel
// request to be answered; then the connection is cut.
const cancelGrace = 500 * time.Millisecond

// cancelPatience is how long a cancel request stays open in all: PgBouncer 1.18
// exits when a client hangs up on a request that it has not finished.
const cancelPatience = 10 * time.Second

// canceller ends a statement whose context has ended, by a cancel request. That
// request travels on a connection of its own, so it may arrive when the
// statement has ended already, and would then hit whoever uses the connection
// next. So the connection goes on only when the server has closed the request's
// connection: by then it has sent the signal, and a signal that meets an idle
// backend is ignored. If that does not happen in time, the connection is cut.
type canceller struct {
	conn     *pgconn.PgConn
	deadline time.Time
	taken    chan bool // whether the server took the request
}

// HandleCancel implements ctxwatch.Handler.
func (c *canceller) HandleCancel(ctx context.Context) {
	c.deadline = time.Now().Add(cancelGrace)
	_ = c.conn.Conn().SetDeadline(c.deadline)
	c.taken = make(chan bool, 1)
	taken := c.taken
	go func() { // ends by itself, at cancelPatience at the latest
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelPatience)
		defer cancel()
		request := new(cancelRequest)
		err := c.conn.CancelRequest(context.WithValue(ctx, cancelKey{}, request))
		taken <- err == nil && request.taken()
	}()
}

// HandleUnwatchAfterCancel implements ctxwatch.Handler. It is called when the
// statement has ended, before the connection can have another one.
func (c *canceller) HandleUnwatchAfterCancel() {
	late := time.NewTimer(time.Until(c.deadline))
	defer late.Stop()
	select {
	case taken := <-c.taken:
		if taken {
			_ = c.conn.Conn().SetDeadline(time.Time{})
			return
		}
	case <-late.C:
	}
	stateOf(c.conn).severed = true
	_ = c.conn.Conn().Close()
}

// cancelKey marks the context in which a cancelRequest is dialled.
type cancelKey struct{}

// cancelRequest is the connection of a cancel request. Only when the server hangs
// up has it taken the request. pgx's CancelRequest returns nil also where its wait
// was cut off or the line was reset, while the request may still be under way.
type cancelRequest struct {
	net.Conn
	plain bool  // it went out without TLS
	end   error // of the last read
}

const cancelCode = 80877102 // of PostgreSQL's CancelRequest

// Write implements net.Conn.
func (r *cancelRequest) Write(b []byte) (int, error) {
	r.plain = r.plain || len(b) >= 8 && binary.BigEndian.Uint32(b[4:8]) == cancelCode
	return r.Conn.Write(b)
}

// Read implements net.Conn.
func (r *cancelRequest) Read(b []byte) (n int, err error) {
	n, err = r.Conn.Read(b)
	r.end = err
	return n, err
}

// taken reports that the server hung up after it had read the request. Under TLS
// it announces the end first, so that the last read has no error.
func (r *cancelRequest) taken() bool {
	return errors.Is(r.end, io.EOF) || r.end == nil && !r.plain
}
