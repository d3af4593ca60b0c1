package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/webtest"
)

const notJSON = "415 Send JSON: Content-Type: application/json, in UTF-8."

// dial opens a connection to the API for requests that no client library would send.
func dial(t *testing.T, s *webtest.Server) net.Conn {
	t.Helper()
	line, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = line.Close() })
	if err := line.SetDeadline(time.Now().Add(dbtest.Patience)); err != nil {
		t.Fatal(err)
	}
	return line
}

// readAnswer reads one answer, and reports whether the server then closed the connection.
func readAnswer(t *testing.T, line net.Conn) (answer webtest.Answer, closed bool) {
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
	return webtest.Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(text)}, resp.Close
}

const head = "Host: a\r\nContent-Type: application/json\r\n"

// TestBodiesOnTheLine sends a request's head and what is there of its body, and then waits: the answer must come, though
// the rest of the body never does, and the connection must end, for nobody knows where the next request would begin.
func TestBodiesOnTheLine(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t, func(set *webtest.Settings) { set.API.MaxBodyBytes = 1000 })
	chunk := func(size int) string { return fmt.Sprintf("%x\r\n%s\r\n", size, strings.Repeat(" ", size)) }
	const large = "413 The body may have at most 1000 bytes."
	for _, test := range []struct{ name, head, body, want string }{
		{"announced, never sent", "POST /things HTTP/1.1\r\n" + head + "Content-Length: 1001\r\n", "", large},
		{"announced huge", "POST /things HTTP/1.1\r\n" + head + "Content-Length: 9223372036854775807\r\n", "{", large},
		{"too large and not JSON", "POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 1001\r\n", "", large},
		{"too large for an unknown path", "POST /nowhere HTTP/1.1\r\n" + head + "Content-Length: 1001\r\n", "", large},
		{"waiting for 100", "POST /things HTTP/1.1\r\n" + head + "Content-Length: 5000\r\nExpect: 100-continue\r\n", "", large},
		{"to PATCH", "PATCH /things/1 HTTP/1.1\r\n" + head + "Content-Length: 1001\r\n", "", large},
		{"to GET", "GET /things HTTP/1.1\r\n" + head + "Content-Length: 1001\r\n", "", large},
		{"chunked", "POST /things HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n", chunk(600) + chunk(600), large},
		{"not JSON, not sent", "POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n", chunk(600) + "0\r\n\r\n", notJSON},
		{"bad chunks", "POST /things HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n", "zz\r\n", "400 The body ended early."},
	} {
		line := dial(t, s)
		if _, err := io.WriteString(line, test.head+"\r\n"+test.body); err != nil {
			t.Fatal(err)
		}
		answer, closed := readAnswer(t, line)
		answer.CheckProblem(t, test.name)
		if got := answer.Summary(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		if !closed && test.want != notJSON {
			t.Errorf("%s: the connection stays open", test.name)
		}
	}
	if acquired := s.DB.Counters().Acquires; acquired != 0 {
		t.Errorf("%d connections to the database were taken", acquired)
	}
}

// TestBodyCutShort: to net/http a client that stops sending within a body has gone.
func TestBodyCutShort(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	line := dial(t, s)
	if _, err := io.WriteString(line, "POST /things HTTP/1.1\r\nX-Request-ID: cut\r\n"+head+"Content-Length: 100\r\n\r\n{\"title\":"); err != nil {
		t.Fatal(err)
	}
	if err := line.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if entry := s.Logged(t, "request", "request_id", "cut"); entry["status"] != 499. {
		t.Errorf("logged as %v", entry)
	}
	if acquired := s.DB.Counters().Acquires; acquired != 0 {
		t.Errorf("%d connections to the database were taken", acquired)
	}
}

// TestSlowBody: the request's deadline ends the wait for a body, not the
// server's later ReadTimeout.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t, func(set *webtest.Settings) {
		set.Server.ReadTimeout = dbtest.Patience
		set.API.RequestTimeout = time.Second
	})
	line := dial(t, s)
	if _, err := io.WriteString(line, "POST /things HTTP/1.1\r\n"+head+"Content-Length: 100\r\n\r\n{\"title\":"); err != nil {
		t.Fatal(err)
	}
	answer, closed := readAnswer(t, line)
	answer.CheckProblem(t, "slow body")
	if answer.Summary() != "408 The body did not arrive in time." || !closed {
		t.Errorf("%s, closed: %t", answer.Summary(), closed)
	}
}

// TestSlowBodyUnread: the deadline ends that wait also where nobody reads the body, and the answer is what it is without one.
func TestSlowBodyUnread(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t, func(set *webtest.Settings) {
		set.Server.ReadTimeout = time.Hour
		set.API.RequestTimeout = time.Second
	})
	for request, want := range map[string]int{
		"GET /things":       http.StatusOK,
		"GET /health/live":  http.StatusOK,
		"GET /nothing":      http.StatusNotFound,
		"PUT /things":       http.StatusMethodNotAllowed,
		"DELETE /things/1":  http.StatusNotFound,
		"GET /openapi.json": http.StatusOK,
	} {
		for _, length := range []string{"Content-Length: 100\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n64\r\n"} {
			t.Run(request+" "+length[:8], func(t *testing.T) {
				t.Parallel()
				line := dial(t, s)
				if _, err := io.WriteString(line, request+" HTTP/1.1\r\n"+head+length+"{"); err != nil {
					t.Fatal(err)
				}
				if answer, closed := readAnswer(t, line); answer.Status != want || !closed {
					t.Errorf("%s, want %d, closed: %t", answer.Summary(), want, closed)
				}
			})
		}
	}
}

// TestBodyAtTheLimit is the largest that is taken, with and without its length announced.
func TestBodyAtTheLimit(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t, func(set *webtest.Settings) { set.API.MaxBodyBytes = 1000 })
	for size, want := range map[int]int{1000: http.StatusCreated, 1001: http.StatusRequestEntityTooLarge} {
		body := webtest.Body + strings.Repeat(" ", size-len(webtest.Body))
		if answer := s.Do(t, "POST", "/things", body); answer.Status != want {
			t.Errorf("%d bytes: %s", size, answer.Summary())
		}
		line := dial(t, s)
		if _, err := fmt.Fprintf(line, "POST /things HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, size, body); err != nil {
			t.Fatal(err)
		}
		if answer, _ := readAnswer(t, line); answer.Status != want {
			t.Errorf("%d bytes, chunked: %s", size, answer.Summary())
		}
	}
}
