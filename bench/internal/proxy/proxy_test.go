package proxy

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

func message(kind byte, content string) string {
	var head []byte
	if kind != 0 {
		head = []byte{kind}
	}
	return string(binary.BigEndian.AppendUint32(head, uint32(4+len(content)))) + content
}

// TestCounter finds the messages, however they are cut.
func TestCounter(t *testing.T) {
	t.Parallel()
	text := message(0, "start-up") + message('P', "select 1") + message('S', "") + message('Q', strings.Repeat("x", 300))
	for size := 1; size < len(text); size++ {
		var found []byte
		c := &counter{startup: true, found: func(kind byte) { found = append(found, kind) }}
		for part := range slices.Chunk([]byte(text), size) {
			c.feed(part)
		}
		if string(found) != "PSQ" {
			t.Fatalf("in pieces of %d: found %q", size, found)
		}
	}
}

// TestProxyDelays each way, and counts.
func TestProxyDelays(t *testing.T) {
	t.Parallel()
	const delay = 30 * time.Millisecond
	question, answer := message(0, "start-up")+message('P', "")+message('S', ""), message('C', "SELECT 1")+message('Z', "I")
	server := answering(t, len(question), answer)
	p, err := Start("tcp", server, delay)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	conn, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := time.Now()
	if _, err := io.WriteString(conn, question); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(answer))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != answer {
		t.Fatalf("%q, %v", got, err)
	}
	if took := time.Since(sent); took < 2*delay {
		t.Errorf("there and back in %v, want %v at least", took, 2*delay)
	}
	if got, want := p.Counts(), (Counts{Connections: 1, Statements: 1, RoundTrips: 1, Parses: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	if got := (Counts{3, 5, 4, 1}).Sub(Counts{1, 2, 2, 1}); got != (Counts{2, 3, 2, 0}) {
		t.Errorf("the difference is %+v", got)
	}
}

// TestProxyCloses its connections, so that nobody waits for an answer for ever.
func TestProxyCloses(t *testing.T) {
	t.Parallel()
	p, err := Start("tcp", answering(t, 1, "x"), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes after the end", n)
	}
}

// answering is a server that reads n bytes from each connection, answers, and
// waits for its end.
func answering(t *testing.T, n int, answer string) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.ReadFull(conn, make([]byte, n))
				_, _ = io.WriteString(conn, answer)
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return ln.Addr().String()
}
