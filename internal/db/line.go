package db

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// line is the network side of a pool's connection. It lets BEGIN travel with a
// session's first statement, which saves a round trip: where pgx writes the
// statement, line puts BEGIN before it in the same write, and it takes BEGIN's
// answer out of what pgx reads. pgx, whose AfterNetConnect puts line there, sees
// only the statement, in a transaction.
//
// BEGIN goes through the extended protocol without a Sync of its own: where it
// fails, PostgreSQL skips all up to the statement's Sync, so that a statement
// never runs outside of its transaction. The Flush behind it makes PostgreSQL
// answer BEGIN at once, however long the statement takes: no answer in time
// means a dead line, on which nothing has been done.
type line struct {
	net.Conn

	mu       sync.Mutex // pgx may read in the background while it writes
	begin    []byte     // sent before the next write
	limit    time.Duration
	timer    *time.Timer // cuts the line if BEGIN is not answered within limit; nil while no answer is awaited
	begins   int         // BEGINs sent so far, so that a limit ends only its own
	awaited  int         // answers to begin that have not come
	outcome  outcome
	in, out  []byte            // read and not yet looked at; looked at and not yet handed on
	prepared map[string]string // the names of BEGIN's variants, each prepared once
	fresh    []string          // those that begin prepares, in their order
	names    int               // given out so far
}

// outcome says how far BEGIN has come.
type outcome int

const (
	unsent     outcome = iota // nothing was written
	unanswered                // the line broke, or was cut, before an answer
	refused                   // PostgreSQL answered with an error, and skipped the statement
	begun
)

// newLine is pgx's AfterNetConnect.
func newLine(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
	return &line{Conn: conn, prepared: make(map[string]string)}, nil
}

// arm puts BEGIN and its settings before what pgx writes next. Without names
// (behind PgBouncer) they are parsed anew each time.
func (l *line) arm(b beginning, names bool, limit time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin, l.fresh, l.limit, l.outcome, l.awaited = l.begin[:0], nil, limit, unsent, 0
	err := l.add(b.begin, names)
	for i, name := range b.names {
		err = errors.Join(err, l.add(setLocalSQL, names, []byte(name), []byte(b.values[i])))
	}
	if err != nil {
		l.begin = l.begin[:0]
		return fmt.Errorf("begin: %w", err)
	}
	l.begin = append(l.begin, 'H', 0, 0, 0, 4) // pgproto3.Flush
	return nil
}

// add encodes one command of begin. The caller holds mu.
func (l *line) add(query string, names bool, params ...[]byte) error {
	name, known := l.prepared[query]
	if names && !known {
		l.names++
		name = fmt.Sprintf("begin_%d", l.names)
		l.fresh = append(l.fresh, query, name)
	}
	buf, err := l.begin, error(nil)
	if !known {
		if buf, err = (&pgproto3.Parse{Name: name, Query: query}).Encode(buf); err != nil {
			return err
		}
	}
	if buf, err = (&pgproto3.Bind{PreparedStatement: name, Parameters: params}).Encode(buf); err != nil {
		return err
	}
	if buf, err = (&pgproto3.Execute{}).Encode(buf); err != nil {
		return err
	}
	l.begin = buf
	l.awaited++
	return nil
}

// forget is for a connection whose prepared statements are gone.
func (l *line) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.prepared)
}

// disarm returns what has become of BEGIN, after the statement's end.
func (l *line) disarm() outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(l.outcome)
	l.begin, l.awaited = l.begin[:0], 0
	return l.outcome
}

// settle ends the wait for BEGIN's answer. All that comes from now on goes to pgx,
// which may read in the background after it has given the statement up. The
// caller holds mu.
func (l *line) settle(reached outcome) {
	l.outcome = reached
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}

// Write implements net.Conn.
func (l *line) Write(p []byte) (int, error) {
	prefix := l.takeBegin()
	if len(prefix) == 0 {
		return l.Conn.Write(p)
	}
	if p[0] == 'Q' { // the simple protocol has no Sync: after an error of BEGIN PostgreSQL would wait for one for ever
		return 0, errors.New("BEGIN cannot travel with a statement of the simple protocol")
	}
	both := append(prefix, p...)
	n, err := l.Conn.Write(both)
	if cap(both) <= 4096 { // room for the next BEGIN and statement
		l.mu.Lock()
		l.begin = both[:0]
		l.mu.Unlock()
	}
	return max(n-len(prefix), 0), err
}

// takeBegin returns what goes before the next write, once.
func (l *line) takeBegin() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.begin) == 0 {
		return nil
	}
	prefix := l.begin
	l.begin = nil
	l.outcome = unanswered
	l.begins++
	number := l.begins
	l.timer = time.AfterFunc(l.limit, func() { l.cut(number) })
	return prefix
}

// cut closes the line if the answer to this BEGIN is still awaited. It may have
// come in the moment in which the limit ran out.
func (l *line) cut(number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil && l.begins == number {
		_ = l.Conn.Close()
	}
}

// Read implements net.Conn.
func (l *line) Read(p []byte) (int, error) {
	for {
		if n := l.handOn(p); n > 0 {
			return n, nil
		}
		n, err := l.Conn.Read(p)
		if n = l.filter(p, n); n > 0 || err != nil {
			return n, err
		}
	}
}

// handOn gives out what filter has kept.
func (l *line) handOn(p []byte) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := copy(p, l.out)
	l.out = l.out[n:]
	return n
}

// filter takes BEGIN's answer out of the n bytes that were read into p, and
// returns how many are left there.
func (l *line) filter(p []byte, n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer == nil {
		return n
	}
	rest := p[:n]
	if len(l.in) > 0 {
		l.in = append(l.in, rest...)
		rest = l.in
	}
	for l.timer != nil && len(rest) >= 5 {
		size := 1 + int(binary.BigEndian.Uint32(rest[1:]))
		if len(rest) < size {
			break
		}
		l.message(rest[:size])
		rest = rest[size:]
	}
	if l.timer == nil {
		l.in = l.in[:0]
	} else {
		l.in, rest = append(l.in[:0], rest...), nil
	}
	if len(l.out) > 0 { // such as a notice
		rest = append(l.out, rest...)
	}
	n = copy(p, rest)
	l.out = append(l.out[:0], rest[n:]...)
	return n
}

// message drops the answers to begin, and hands on what PostgreSQL may send at
// any time. An error belongs to the statement, which it keeps from running.
func (l *line) message(m []byte) {
	switch m[0] {
	case '1': // ParseComplete
		if len(l.fresh) > 0 {
			l.prepared[l.fresh[0]], l.fresh = l.fresh[1], l.fresh[2:]
		}
	case '2', 'D': // BindComplete, DataRow
	case 'C': // CommandComplete
		if l.awaited--; l.awaited == 0 {
			l.settle(begun)
		}
	case 'E': // ErrorResponse
		l.settle(refused)
		l.out = append(l.out, m...)
	default:
		l.out = append(l.out, m...)
	}
}
