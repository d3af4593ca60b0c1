// Package proxy puts a PostgreSQL server farther away: each byte takes its time
// in each direction. It counts what passes.
package proxy

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy passes connections on to a server.
type Proxy struct {
	network, server string
	delay           time.Duration // of each byte, each way
	listener        net.Listener
	work            sync.WaitGroup

	connections, statements, roundTrips, parses atomic.Int64

	mu    sync.Mutex
	lines map[net.Conn]struct{}
	ended bool
}

// Counts are what has passed so far.
type Counts struct {
	Connections int64
	Statements  int64 // carried out, BEGIN and COMMIT included
	RoundTrips  int64 // how often the server was ready for the next question
	Parses      int64 // texts that the server had to parse
}

// Start begins to take connections on a port of 127.0.0.1.
func Start(network, server string, delay time.Duration) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{network: network, server: server, delay: delay, listener: listener, lines: make(map[net.Conn]struct{})}
	p.work.Go(p.accept)
	return p, nil
}

// Address is where the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Counts returns the figures so far.
func (p *Proxy) Counts() Counts {
	return Counts{p.connections.Load(), p.statements.Load(), p.roundTrips.Load(), p.parses.Load()}
}

// Sub returns what was counted since.
func (c Counts) Sub(since Counts) Counts {
	return Counts{
		c.Connections - since.Connections, c.Statements - since.Statements,
		c.RoundTrips - since.RoundTrips, c.Parses - since.Parses,
	}
}

// Close ends the proxy and its connections.
func (p *Proxy) Close() {
	p.listener.Close()
	p.mu.Lock()
	p.ended = true
	for conn := range p.lines {
		conn.Close()
	}
	p.mu.Unlock()
	p.work.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.connections.Add(1)
		p.work.Go(func() { p.join(client) })
	}
}

// keep remembers a connection to close at the end; it is false when that has come.
func (p *Proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines[conn] = struct{}{}
	return !p.ended
}

func (p *Proxy) drop(conn net.Conn) {
	conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.lines, conn)
}

func (p *Proxy) join(client net.Conn) {
	defer p.drop(client)
	server, err := net.Dial(p.network, p.server)
	if err != nil {
		return
	}
	defer p.drop(server)
	if !p.keep(client) || !p.keep(server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.pass(server, client, &counter{startup: true, found: p.question}) })
	both.Go(func() { p.pass(client, server, &counter{found: p.answer}) })
	both.Wait()
}

func (p *Proxy) question(kind byte) {
	if kind == 'P' {
		p.parses.Add(1)
	}
}

func (p *Proxy) answer(kind byte) {
	switch kind {
	case 'C': // CommandComplete
		p.statements.Add(1)
	case 'Z': // ReadyForQuery
		p.roundTrips.Add(1)
	}
}

// piece is what was read at once, and when it is to arrive.
type piece struct {
	data []byte
	due  time.Time
}

// pass copies one direction until either end closes. Reading goes on while
// earlier pieces are on their way, as on a long line.
func (p *Proxy) pass(to, from net.Conn, seen *counter) {
	onTheWay := make(chan piece, 1024)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(onTheWay)
		for {
			data := make([]byte, 16<<10)
			n, err := from.Read(data)
			if err != nil {
				return
			}
			seen.feed(data[:n])
			onTheWay <- piece{data[:n], time.Now().Add(p.delay)}
		}
	})
	for next := range onTheWay {
		time.Sleep(time.Until(next.due))
		if _, err := to.Write(next.data); err != nil {
			break
		}
	}
	to.Close()
	from.Close()
	for range onTheWay { // what is left has nowhere to go
	}
	reader.Wait()
}
