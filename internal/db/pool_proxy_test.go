package db_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// What a poolProxy does with a connection that comes.
const (
	poolPass   = int32(iota)
	poolStall  // take it, and then nothing
	poolRefuse // close it at once
)

// poolProxy stands between a pool and its server, on 127.0.0.1. It counts round
// trips and plays the faults of a network.
type poolProxy struct {
	url      string // as the server's, but through here
	network  string
	address  string
	listener net.Listener
	policy   atomic.Int32
	accepted atomic.Int64
	answers  atomic.Int64 // ReadyForQuery: the end of a round trip

	mu    sync.Mutex
	lines []*poolLine
}

// poolLine is one connection through the proxy.
type poolLine struct {
	client  net.Conn
	swallow atomic.Bool // a black hole: nothing passes, nothing closes
}

func poolNewProxy(t *testing.T, serverURL string) *poolProxy {
	t.Helper()
	cfg, err := pgconn.ParseConfig(serverURL)
	if err != nil {
		t.Fatal(err)
	}
	p := &poolProxy{}
	p.network, p.address = pgconn.NetworkAddress(cfg.Host, cfg.Port)
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.url = fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable",
		url.UserPassword(cfg.User, cfg.Password), p.listener.Addr(), url.PathEscape(cfg.Database))
	served := make(chan struct{})
	go p.serve(served)
	t.Cleanup(func() {
		p.listener.Close()
		<-served
		p.cut()
	})
	return p
}

func (p *poolProxy) serve(served chan<- struct{}) {
	defer close(served)
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.accepted.Add(1)
		line := &poolLine{client: client}
		p.mu.Lock()
		p.lines = append(p.lines, line)
		p.mu.Unlock()
		switch p.policy.Load() {
		case poolRefuse:
			client.Close()
		case poolPass:
			go p.connect(line)
		}
	}
}

// connect joins a line to the server until one end closes.
func (p *poolProxy) connect(line *poolLine) {
	defer line.client.Close()
	server, err := net.Dial(p.network, p.address)
	if err != nil {
		return
	}
	go func() {
		defer server.Close()
		line.pump(server, line.client)
	}()
	line.pump(io.MultiWriter(&poolFrames{answers: &p.answers}, line.client), server)
}

func (l *poolLine) pump(to io.Writer, from io.Reader) {
	buffer := make([]byte, 8192)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if l.swallow.Load() {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// blackHole swallows whatever passes on the lines that there are.
func (p *poolProxy) blackHole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		line.swallow.Store(true)
	}
}

// cut closes all lines.
func (p *poolProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		line.client.Close()
	}
}

// poolFrames counts ReadyForQuery in what a server sends.
type poolFrames struct {
	answers *atomic.Int64
	header  [5]byte // type, and length without the type
	have    int
	skip    int
}

func (f *poolFrames) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		if f.skip > 0 {
			n := min(f.skip, len(rest))
			f.skip -= n
			rest = rest[n:]
			continue
		}
		f.header[f.have] = rest[0]
		f.have++
		rest = rest[1:]
		if f.have == len(f.header) {
			f.frame()
		}
	}
	return len(b), nil
}

func (f *poolFrames) frame() {
	if f.header[0] == 'Z' {
		f.answers.Add(1)
	}
	f.skip = int(binary.BigEndian.Uint32(f.header[1:])) - 4
	f.have = 0
}
