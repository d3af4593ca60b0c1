package main

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"example.com/transcription-api/internal/web/app"
)

// fullAgain is how often the log is told that there are no descriptors left.
const fullAgain = 10 * time.Second

// listener empties its queue before it closes. Closing alone would reset the
// connections that the kernel has taken and the server has not yet accepted,
// with the requests that their clients have sent on them already.
type listener struct {
	*net.TCPListener
	log  *slog.Logger
	told time.Time // when the log was last told that descriptors are used up
}

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
	conn, err := l.AcceptTCP()
	l.tellFull(err)
	if err == nil {
		return app.AnswerUnread(conn, l.log), nil
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, err
	}
	if conn, ok := l.queued().(*net.TCPConn); ok {
		return app.AnswerUnread(conn, l.log), nil
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

// tellFull says why nobody gets in. The server tries again by itself, and says so
// each time, which nobody could read.
func (l *listener) tellFull(err error) {
	full := errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
	if !full || time.Since(l.told) < fullAgain {
		return
	}
	l.told = time.Now()
	l.log.Error("no file descriptors left: new connections wait until others close; raise the limit (ulimit -n)", "error", err)
}
