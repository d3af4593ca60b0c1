package handlers_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial opens a connection to the API for requests that no client library would send.
func (s *surface) dial(t *testing.T) net.Conn {
	t.Helper()
	line, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = line.Close() })
	if err := line.SetDeadline(time.Now().Add(surfacePatience)); err != nil {
		t.Fatal(err)
	}
	return line
}

// readAnswer reads one answer, and reports whether the server then closed the connection.
func readAnswer(t *testing.T, line net.Conn) (answer surfaceAnswer, closed bool) {
	t.Helper()
	reader := bufio.NewReader(line)
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return surfaceAnswer{resp.StatusCode, resp.Header, string(text)}, resp.Close
}

const head = "Host: a\r\nContent-Type: application/json\r\n"

// TestBodiesOnTheLine sends a request's head and what is there of its body, and then waits: the answer must come, though
// the rest of the body never does, and the connection must end, for nobody knows where the next request would begin.
func TestBodiesOnTheLine(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t, func(set *surfaceSettings) { set.api.MaxBodyBytes = 1000 })
	chunk := func(size int) string { return fmt.Sprintf("%x\r\n%s\r\n", size, strings.Repeat(" ", size)) }
	const large = "413 The body may have at most 1000 bytes."
	for _, test := range []struct{ name, head, body, want string }{
		{"announced, never sent", "POST /items HTTP/1.1\r\n" + head + "Content-Length: 1001\r\n", "", large},
		{"announced huge", "POST /items HTTP/1.1\r\n" + head + "Content-Length: 9223372036854775807\r\n", "{", large},
		{"too large and not JSON", "POST /items HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 1001\r\n", "", large},
		{"too large for an unknown path", "POST /nowhere HTTP/1.1\r\n" + head + "Content-Length: 1001\r\n", "", large},
		{"waiting for 100", "POST /items HTTP/1.1\r\n" + head + "Content-Length: 5000\r\nExpect: 100-continue\r\n", "", large},
		{"to PATCH", "PATCH /items/1 HTTP/1.1\r\n" + head + "Content-Length: 1001\r\n", "", large},
		{"to GET", "GET /items HTTP/1.1\r\n" + head + "Content-Length: 1001\r\n", "", large},
		{"chunked", "POST /items HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n", chunk(600) + chunk(600), large},
		{"not JSON, not sent", "POST /items HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n", chunk(600) + "0\r\n\r\n", notJSON},
		{"bad chunks", "POST /items HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n", "zz\r\n", "400 The body ended early."},
	} {
		line := s.dial(t)
		if _, err := io.WriteString(line, test.head+"\r\n"+test.body); err != nil {
			t.Fatal(err)
		}
		answer, closed := readAnswer(t, line)
		answer.checkProblem(t, test.name)
		if got := answer.summary(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		if !closed && test.want != notJSON {
			t.Errorf("%s: the connection stays open", test.name)
		}
	}
	if acquired := s.conn.Counters().Acquires; acquired != 0 {
		t.Errorf("%d connections to the database were taken", acquired)
	}
}

// TestBodyCutShort: to net/http a client that stops sending within a body has gone.
func TestBodyCutShort(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t)
	line := s.dial(t)
	if _, err := io.WriteString(line, "POST /items HTTP/1.1\r\nX-Request-ID: cut\r\n"+head+"Content-Length: 100\r\n\r\n{\"title\":"); err != nil {
		t.Fatal(err)
	}
	if err := line.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if entry := s.log.find(t, "request", "request_id", "cut"); entry["status"] != 499. {
		t.Errorf("logged as %v", entry)
	}
	if acquired := s.conn.Counters().Acquires; acquired != 0 {
		t.Errorf("%d connections to the database were taken", acquired)
	}
}

// TestSlowBody: the request's deadline ends the wait for a body, not the
// server's later ReadTimeout.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t, func(set *surfaceSettings) {
		set.server.ReadTimeout = surfacePatience
		set.api.RequestTimeout = time.Second
	})
	line := s.dial(t)
	if _, err := io.WriteString(line, "POST /items HTTP/1.1\r\n"+head+"Content-Length: 100\r\n\r\n{\"title\":"); err != nil {
		t.Fatal(err)
	}
	answer, closed := readAnswer(t, line)
	answer.checkProblem(t, "slow body")
	if answer.summary() != "408 The body did not arrive in time." || !closed {
		t.Errorf("%s, closed: %t", answer.summary(), closed)
	}
}

// TestBodyAtTheLimit is the largest that is taken, with and without its length announced.
func TestBodyAtTheLimit(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t, func(set *surfaceSettings) { set.api.MaxBodyBytes = 1000 })
	for size, want := range map[int]int{1000: http.StatusCreated, 1001: http.StatusRequestEntityTooLarge} {
		body := surfaceItem + strings.Repeat(" ", size-len(surfaceItem))
		if answer := s.do(t, "POST", "/items", body); answer.status != want {
			t.Errorf("%d bytes: %s", size, answer.summary())
		}
		line := s.dial(t)
		if _, err := fmt.Fprintf(line, "POST /items HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, size, body); err != nil {
			t.Fatal(err)
		}
		if answer, _ := readAnswer(t, line); answer.status != want {
			t.Errorf("%d bytes, chunked: %s", size, answer.summary())
		}
	}
}
