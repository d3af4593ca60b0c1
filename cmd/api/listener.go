package main

import (
	"errors"
	"net"
	"os"
	"time"
)

// listener empties its queue before it closes. Closing alone would reset the
// connections that the kernel has taken and the server has not yet accepted,
// with the requests that their clients have sent on them already.
type listener struct{ *net.TCPListener }

// finish makes Accept hand out what is queued, then close and return
// net.ErrClosed, and waits for the server that accepts to have come so far.
func (l *listener) finish(served <-chan error) {
	_ = l.SetDeadline(time.Unix(1, 0))
	select {
	case <-served:
	case <-time.After(lingerTime):
	}
	_ = l.Close()
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.TCPListener.Accept()
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return conn, err
	}
	if conn := l.queued(); conn != nil {
		return conn, nil
	}
	_ = l.Close()
	return nil, net.ErrClosed
}

// queued returns a connection out of the queue, or nil at once if there is none:
// after a deadline net's own Accept looks no more.
func (l *listener) queued() (conn net.Conn) {
	raw, err := l.SyscallConn()
	if err != nil {
		return nil
	}
	_ = raw.Control(func(fd uintptr) { conn = acceptNow(fd) })
	return conn
}
