//go:build ha

package main

import (
	"io"
	"net"
	"sync"
	"testing"
)

// gate stands in front of a port, and cuts it off.
type gate struct {
	to       string
	listener net.Listener
	mu       sync.Mutex
	open     chan struct{} // closed while bytes may pass
	refusing bool
	lines    map[net.Conn]struct{}
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{to: to, listener: listener, open: make(chan struct{}), lines: map[net.Conn]struct{}{}}
	close(g.open)
	t.Cleanup(func() {
		listener.Close()
		g.pass()
		g.reset()
	})
	go g.serve()
	return g
}

func (g *gate) address() string { return g.listener.Addr().String() }

// stall holds back all bytes, as a network does that drops packets; connections seem to be made, and nothing comes.
func (g *gate) stall() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

// refuse resets the connections that there are and those that come.
func (g *gate) refuse() {
	g.mu.Lock()
	g.refusing = true
	g.mu.Unlock()
	g.reset()
}

// pass ends either. What was held back arrives late.
func (g *gate) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusing = false
	select {
	case <-g.open:
	default:
		close(g.open)
	}
}

func (g *gate) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for conn := range g.lines {
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

func (g *gate) serve() {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.mu.Lock()
		g.lines[conn] = struct{}{}
		refusing := g.refusing
		g.mu.Unlock()
		if refusing {
			_ = conn.(*net.TCPConn).SetLinger(0)
			g.leave(conn)
			continue
		}
		go g.join(conn)
	}
}

func (g *gate) leave(conn net.Conn) {
	conn.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.lines, conn)
}

func (g *gate) join(conn net.Conn) {
	defer g.leave(conn)
	g.await()
	server, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		g.copy(server, conn)
		server.Close()
	}()
	g.copy(conn, server)
}

func (g *gate) await() {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	<-open
}

// copy also holds back the end of a connection while it stalls.
func (g *gate) copy(to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		g.await()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
