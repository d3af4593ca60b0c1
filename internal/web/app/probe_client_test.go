package app_test

import (
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// TestProberThatHalfCloses, as nc -N and socat do: it reads on, and is told the truth. net/http takes it as gone.
func TestProberThatHalfCloses(t *testing.T) {
	t.Parallel()
	var proxy *dbtest.Proxy
	w := watch(t, func(o *db.Options) {
		proxy = dbtest.NewProxy(t, o.URL)
		o.URL = proxy.URL()
	})
	admin := httptest.NewServer(w.metrics)
	t.Cleanup(admin.Close)
	for _, url := range []string{w.URL + "/health/live", w.URL + "/health/ready", w.URL + "/health/db", admin.URL + "/metrics"} {
		address, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		proxy.Stall() // so that the half-close comes before the answer
		if _, err := io.WriteString(conn, "GET /"+path+" HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // for net/http to see it
		proxy.Pass()
		answer, err := io.ReadAll(conn)
		if text := string(answer); err != nil || !strings.HasPrefix(text, "HTTP/1.1 200 ") ||
			strings.HasSuffix(path, "metrics") && !strings.Contains(text, "\ndb_up 1\n") {
			t.Errorf("%s: %v %.300s", path, err, text)
		}
	}
	if lines := w.lines("database does not answer", ""); len(lines) > 0 {
		t.Errorf("logged: %v", lines)
	}
}

// TestScraperThatLeaves changes nothing of what the next one sees.
func TestScraperThatLeaves(t *testing.T) {
	t.Parallel()
	var proxy *dbtest.Proxy
	w := watch(t, func(o *db.Options) {
		proxy = dbtest.NewProxy(t, o.URL)
		o.URL = proxy.URL()
	})
	admin := httptest.NewServer(w.metrics)
	t.Cleanup(admin.Close)
	proxy.Refuse()
	proxy.Reset()
	conn, err := net.Dial("tcp", strings.TrimPrefix(admin.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n")
	conn.Close()
	dbtest.Eventually(t, "it is recorded", func() bool { return len(w.lines("database does not answer", "")) == 1 })
	proxy.Pass()
	if up := w.figure("db_up"); up != 1 {
		t.Errorf("db_up is %v, want 1", up)
	}
}
