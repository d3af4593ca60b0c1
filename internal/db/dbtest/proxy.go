package dbtest

import (
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Proxy stands between a program and its server, on 127.0.0.1, and plays the faults of a network. It passes everything
// until it is told otherwise.
type Proxy struct {
	url        string
	network    string
	address    string
	listener   net.Listener
	latency    atomic.Int64 // nanoseconds
	roundTrips atomic.Int64
	accepted   atomic.Int64
	sent       [256]atomic.Int64 // messages of clients, by type
	cuts       [3]atomic.Int64   // how many of each Cut are still to come
	cancels    atomic.Pointer[CancelFault]
	cancelled  atomic.Int64
	work       sync.WaitGroup
	ending     chan struct{} // closed when the proxy ends

	mu        sync.Mutex
	lines     map[*line]struct{}
	passing   chan struct{} // closed unless the proxy stalls
	blackHole bool          // for lines that come
	refusing  bool
	closed    bool
}

// CancelFault is what happens to requests to cancel a statement, each of which comes on a connection of its own.
type CancelFault struct {
	Delay time.Duration // before the request is passed on to the server
	Reset bool          // the client's end is reset at once, while the request is still under way
}

// Cut is a place in the conversation at which a line can be reset.
type Cut int

// The places. Each leaves a transaction in another state.
const (
	InAnswer     Cut = iota // in the middle of a row that the server sends
	BeforeCommit            // COMMIT does not reach the server
	AfterCommit             // the server has committed, its answer does not come back
)

// NewProxy starts a proxy in front of the server that a URL leads to. It ends with the test.
func NewProxy(t testing.TB, serverURL string) *Proxy {
	t.Helper()
	cfg, err := pgconn.ParseConfig(serverURL)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{ending: make(chan struct{}), lines: make(map[*line]struct{}), passing: make(chan struct{})}
	close(p.passing)
	p.network, p.address = pgconn.NetworkAddress(cfg.Host, cfg.Port)
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.url = fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable",
		url.UserPassword(cfg.User, cfg.Password), p.listener.Addr(), url.PathEscape(cfg.Database))
	p.work.Go(p.serve)
	t.Cleanup(p.close)
	return p
}

// URL leads to the database through the proxy.
func (p *Proxy) URL() string { return p.url }

// RoundTrips is how often the server has said that it is ready for the next query, log-in included.
func (p *Proxy) RoundTrips() int64 { return p.roundTrips.Load() }

// Sent is how many messages of a type the clients have sent after their log-in: 'P' is Parse, 'B' Bind, 'E' Execute, 'S'
// Sync, 'Q' a simple query.
func (p *Proxy) Sent(kind byte) int64 { return p.sent[kind].Load() }

// Accepted is how many connections came.
func (p *Proxy) Accepted() int64 { return p.accepted.Load() }

// Latency makes each round trip take that much longer.
func (p *Proxy) Latency(d time.Duration) { p.latency.Store(int64(d)) }

// FaultCancels holds for the requests to cancel that come from now on.
func (p *Proxy) FaultCancels(fault CancelFault) { p.cancels.Store(&fault) }

// Cancelled is how many requests to cancel the server has worked off.
func (p *Proxy) Cancelled() int64 { return p.cancelled.Load() }

// Pass ends what was begun by Stall, BlackHole, Ignore and Refuse. What was stalled arrives late; a line that has been in a black hole
// stays dead, as one does that a router has forgotten.
func (p *Proxy) Pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blackHole, p.refusing = false, false
	select {
	case <-p.passing:
	default:
		close(p.passing)
	}
}

// Stall holds back all that is sent until Pass. Connections are taken meanwhile.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.passing:
		p.passing = make(chan struct{})
	default:
	}
}

// BlackHole makes all that is sent vanish, on the lines that there are and on those that come until Pass.
func (p *Proxy) BlackHole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blackHole = true
	for l := range p.lines {
		l.dead.Store(true)
	}
}

// Ignore takes the connections that come until Pass, and answers none; the present ones stay.
func (p *Proxy) Ignore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blackHole = true
}

// Refuse resets the connections that come until Pass; the present ones stay.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing = true
}

// Reset resets all connections that there are.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.lines {
		l.reset()
	}
}

// CutNext resets a line the next n times that a conversation comes to that place.
func (p *Proxy) CutNext(where Cut, n int) { p.cuts[where].Store(int64(n)) }

// cut reports whether this is a place to cut at, and counts it.
func (p *Proxy) cut(where Cut) bool {
	for {
		n := p.cuts[where].Load()
		if n <= 0 {
			return false
		}
		if p.cuts[where].CompareAndSwap(n, n-1) {
			return true
		}
	}
}

func (p *Proxy) close() {
	p.listener.Close()
	close(p.ending)
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Pass()
	p.Reset()
	p.work.Wait()
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		l, ok := p.enter(client.(*net.TCPConn))
		p.accepted.Add(1) // whoever counts it may change what comes next
		if ok {
			p.work.Go(func() {
				defer p.leave(l)
				l.connect()
			})
		}
	}
}

// enter takes a connection in, unless none are taken now.
func (p *Proxy) enter(client *net.TCPConn) (*line, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &line{proxy: p, client: client}
	if p.refusing || p.closed {
		l.reset()
		return nil, false
	}
	l.dead.Store(p.blackHole)
	p.lines[l] = struct{}{}
	return l, true
}

func (p *Proxy) leave(l *line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.lines, l)
	l.client.Close()
}

// await waits while the proxy stalls.
func (p *Proxy) await() {
	p.mu.Lock()
	passing := p.passing
	p.mu.Unlock()
	<-passing
}
