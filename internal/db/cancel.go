package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// cancelGrace is how long a cancelled statement may take to end, and its cancel
// request to be answered; then the connection is cut.
const cancelGrace = 500 * time.Millisecond

// canceller ends a statement whose context has ended, by a cancel request. That
// request travels on a connection of its own, so it may arrive when the
// statement has ended already, and would then hit whoever uses the connection
// next. So the connection goes on only when the server has closed the request's
// connection: by then it has sent the signal, and a signal that meets an idle
// backend is ignored. If that does not happen in time, the connection is cut.
type canceller struct {
	conn *pgconn.PgConn
	sent chan bool // whether the server took the request
}

// HandleCancel implements ctxwatch.Handler.
func (c *canceller) HandleCancel(ctx context.Context) {
	deadline := time.Now().Add(cancelGrace)
	_ = c.conn.Conn().SetDeadline(deadline)
	c.sent = make(chan bool, 1)
	go func() {
		ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
		defer cancel()
		err := c.conn.CancelRequest(ctx)
		// It returns nil, too, when its context ended before the server hung up.
		c.sent <- err == nil && ctx.Err() == nil && time.Now().Before(deadline)
	}()
}

// HandleUnwatchAfterCancel implements ctxwatch.Handler. It is called when the
// statement has ended, before the connection can have another one.
func (c *canceller) HandleUnwatchAfterCancel() {
	if <-c.sent {
		_ = c.conn.Conn().SetDeadline(time.Time{})
		return
	}
	stateOf(c.conn).severed = true
	_ = c.conn.Conn().Close()
}
