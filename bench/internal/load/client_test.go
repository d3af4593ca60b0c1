package load

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// TestClientReads every way in which net/http sends an answer, one after the
// other on one connection.
func TestClientReads(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/chunked":
			for range 3 {
				_, _ = w.Write(bytes.Repeat([]byte("x"), 5000))
				w.(http.Flusher).Flush()
			}
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/close":
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusTeapot)
		default:
			_, _ = io.WriteString(w, "hello")
		}
	}))
	t.Cleanup(server.Close)
	c, err := dial(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	for _, test := range []struct {
		path   string
		status int
	}{{"/", 200}, {"/chunked", 200}, {"/none", 204}, {"/", 200}, {"/close", 418}, {"/chunked", 200}, {"/", 200}} {
		c.out = end([]byte("GET "+test.path), c.address, "")
		if status, err := c.do(); err != nil || status != test.status {
			t.Errorf("%s: %d, %v, want %d", test.path, status, err, test.status)
		}
	}
}

// TestClientDropsAnswers of any size without keeping them.
func TestClientDropsAnswers(t *testing.T) {
	part := bytes.Repeat([]byte("x"), 1<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 64 {
			_, _ = w.Write(part)
		}
	}))
	t.Cleanup(server.Close)
	c, err := dial(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	c.out = end([]byte("GET /"), c.address, "")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if status, err := c.do(); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("64 MiB read with %d bytes allocated", grown)
	}
}

// TestClientRefuses what it can not read to its end.
func TestClientRefuses(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"",
		"nonsense\r\n\r\n",
		"HTTP/1.1 20x OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", readBuffer),
	} {
		c := &client{out: []byte("GET")}
		ours, theirs := net.Pipe()
		c.conn = ours
		c.in = newReader(ours)
		go func() {
			_, _ = io.ReadFull(theirs, make([]byte, 3))
			_, _ = io.WriteString(theirs, answer)
			theirs.Close()
		}()
		if status, err := c.do(); err == nil {
			t.Errorf("%.60q: read as %d", answer, status)
		}
		c.close()
	}
}
