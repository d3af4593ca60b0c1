package dbtest

import (
	"bufio"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// line is one connection through the proxy.
type line struct {
	proxy      *Proxy
	client     *net.TCPConn
	fromClient *bufio.Reader
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
	first, err := readStartup(l.fromClient)
	if err != nil {
		return
	}
	if isCancel(first) {
		l.cancel(server, first)
		return
	}
	if !l.pass(server, first) {
		return
	}
	answers := func() { l.answers(bufio.NewReader(server)) }
	if !isSession(first) {
		answers = func() { _, _ = io.Copy(l.client, server) }
	}
	var both sync.WaitGroup
	both.Go(func() {
		defer l.hangUp()
		answers()
	})
	l.questions(server)
	server.Close()
	both.Wait()
}

// cancel passes on a request to cancel, and hangs up when the server does: it has sent its signal then.
func (l *line) cancel(server net.Conn, request []byte) {
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
	if !l.pass(server, request) {
		return
	}
	if l.dead.Load() { // no goodbye comes through
		_, _ = io.Copy(io.Discard, l.fromClient)
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
