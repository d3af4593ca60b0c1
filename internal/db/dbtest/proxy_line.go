package dbtest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// line is one connection through the proxy.
type line struct {
	proxy      *Proxy
	client     *net.TCPConn
	dead       atomic.Bool // in a black hole: nothing passes, nothing closes
	committing atomic.Bool // the next answer is COMMIT's, and is to be cut off
}

// reset ends the line as a crashed machine would: by RST, without a goodbye.
func (l *line) reset() {
	_ = l.client.SetLinger(0)
	l.client.Close()
}

// connect joins the line to the server until one end closes.
func (l *line) connect() {
	server, err := net.Dial(l.proxy.network, l.proxy.address)
	if err != nil {
		l.reset()
		return
	}
	defer server.Close()
	client := pgproto3.NewBackend(l.client, nil)
	first, err := client.ReceiveStartupMessage()
	if err != nil {
		return
	}
	if _, ok := first.(*pgproto3.CancelRequest); ok {
		l.cancel(server, first)
		return
	}
	if !l.send(server, first) {
		return
	}
	ask := func() { l.questions(client, server) }
	answer := func() { l.answers(client, pgproto3.NewFrontend(server, nil)) }
	if _, ok := first.(*pgproto3.StartupMessage); !ok { // a request for TLS, such as a health probe's: its answer is no message
		ask = func() { _, _ = io.Copy(io.Discard, l.client) }
		answer = func() { _, _ = io.Copy(l.client, server) }
	}
	var both sync.WaitGroup
	both.Go(func() {
		defer l.hangUp()
		answer()
	})
	ask()
	server.Close()
	both.Wait()
}

// cancel passes on a request to cancel, and hangs up when the server does: it has sent its signal then.
func (l *line) cancel(server net.Conn, request message) {
	fault := l.proxy.cancels.Load()
	if fault != nil && fault.Reset {
		l.reset()
	}
	if fault != nil && fault.Delay > 0 {
		select {
		case <-time.After(fault.Delay):
		case <-l.proxy.ending:
			return
		}
	}
	if !l.send(server, request) {
		return
	}
	if l.dead.Load() { // no goodbye comes through
		_, _ = io.Copy(io.Discard, l.client)
		return
	}
	_, _ = io.Copy(io.Discard, server)
	l.proxy.cancelled.Add(1)
}

// hangUp tells the client that the server is gone, unless nothing can reach it.
func (l *line) hangUp() {
	if !l.dead.Load() {
		l.client.Close()
	}
}

// pass sends bytes on; it is false when the line is over.
func (l *line) pass(to io.Writer, data []byte) bool {
	l.proxy.await()
	if l.dead.Load() {
		return true
	}
	_, err := to.Write(data)
	return err == nil
}
