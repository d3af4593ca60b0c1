package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/web/app"
)

// TestListenerQueue stops a server while connections wait in the kernel's queue:
// each gets its answer, and none a reset.
func TestListenerQueue(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	clients := make([]net.Conn, 30)
	for i := range clients {
		if clients[i], err = net.Dial("tcp", ln.Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer clients[i].Close()
		if _, err := io.WriteString(clients[i], "GET / HTTP/1.1\r\nHost: api\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	served := make(chan error, 1)
	go func() {
		cfg := config.Config{API: app.Settings{RequestTimeout: patience}, ShutdownTimeout: patience}
		s := server{cfg: cfg, log: slog.New(slog.DiscardHandler), state: new(app.State), finish: func(context.Context) error { return nil }}
		served <- s.serve(stopped, &listener{TCPListener: ln.(*net.TCPListener), log: slog.New(slog.DiscardHandler)}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
		}))
	}()
	for i, client := range clients {
		_ = client.SetDeadline(time.Now().Add(patience))
		response, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("client %d of %d: %v", i+1, len(clients), err)
		}
		response.Body.Close()
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		conn.Close()
		t.Error("still listening")
	}
}
