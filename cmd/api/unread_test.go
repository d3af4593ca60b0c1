package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// serveTest serves without a database, and returns the address.
func serveTest(t *testing.T, log *slog.Logger, handler http.HandlerFunc) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		cfg := config.Config{API: app.Settings{RequestTimeout: patience}, ShutdownTimeout: patience}
		s := server{cfg: cfg, log: log, state: new(app.State), finish: func(context.Context) error { return nil }}
		served <- s.serve(ctx, &listener{TCPListener: ln.(*net.TCPListener), log: log}, handler)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// exchange sends a text as it is and reads one answer.
func exchange(t *testing.T, addr, text string) webtest.Answer {
	t.Helper()
	line, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	_ = line.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(line, text); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(line), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return webtest.Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}

// TestUnread sends what net/http answers before any handler sees it. A new version of Go that words its answers
// differently shows here.
func TestUnread(t *testing.T) {
	t.Parallel()
	output := new(dbtest.Log)
	addr := serveTest(t, slog.New(slog.NewJSONHandler(output, nil)), func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a handler sees %s %s", r.Method, r.URL)
	})
	const malformed = "400 The request is malformed, in its first line or in a header."
	for text, want := range map[string]string{
		"hello\r\n": malformed,
		"GET /things/%zz HTTP/1.1\r\nHost: a\r\n":                                                    malformed,
		"GET / HTTP/1.1\r\nHost: a\r\nA: b\x00c\r\n":                                                 malformed,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n":                                       malformed,
		"GET / HTTP/1.1\r\n":                                                                         "400 The request is malformed: missing required Host header.",
		"GET / HTTP/1.1\r\nHost: a\r\nA B: c\r\n":                                                    "400 The request is malformed: invalid header name.",
		"GET / HTTP/3.0\r\nHost: a\r\n":                                                              "505 The request is malformed: unsupported protocol version.",
		"GET / HTTP/1.1\r\nHost: a\r\nA: " + strings.Repeat("a", 128<<10) + "\r\n":                   "431 The request's URL and headers are too large together.",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n":                         "501 The request has a Transfer-Encoding other than chunked.",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 200-ok\r\nConnection: close\r\n": "417 The request has an Expect other than 100-continue.",
	} {
		answer := exchange(t, addr, text+"\r\n")
		answer.CheckProblem(t, text[:min(len(text), 80)])
		if got := answer.Summary(); got != want {
			t.Errorf("%.80q: %s, want %s", text, got, want)
		}
		if id := answer.Header.Get("X-Request-Id"); !strings.Contains(output.String(), id) {
			t.Errorf("%.80q: the log has no %s", text, id)
		}
	}
	var entry struct{ Msg, Client string }
	if err := json.NewDecoder(strings.NewReader(output.String())).Decode(&entry); err != nil || entry.Msg != "request unread" || entry.Client != "127.0.0.1" {
		t.Errorf("logged as %+v %v", entry, err)
	}
}

// TestUnreadLeavesAnswers: what a handler sends stays as it is, also where it looks like net/http's own.
func TestUnreadLeavesAnswers(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte("HTTP/1.1 400 Bad Request\r\n"), 1000)
	addr := serveTest(t, slog.New(slog.DiscardHandler), func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-ID", "own")
		if r.Method == http.MethodPost {
			_, _ = w.Write(long)
			return
		}
		http.Error(w, r.RequestURI, http.StatusExpectationFailed)
	})
	for text, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n":     "417 /\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n": "417 *\n",
		"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n":    "200 " + string(long),
	} {
		answer := exchange(t, addr, text+"\r\n")
		if got := fmt.Sprint(answer.Status, " ", answer.Body); got != want || answer.Header.Get("X-Request-Id") != "own" {
			t.Errorf("%.20q: %.200s %v", text, got, answer.Header)
		}
	}
}
