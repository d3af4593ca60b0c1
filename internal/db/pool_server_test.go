//go:build unix

package db_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"example.com/transcription-api/internal/devdb"
)

// poolFreePort is one that nobody listens on just now.
func poolFreePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// poolPasswordServer is the URL of a server that asks for a password, with a wrong one; its socket asks for none.
func poolPasswordServer(t *testing.T) (wrongPassword, socket string) {
	t.Helper()
	port := poolFreePort(t)
	server, err := devdb.Start(t.Context(), devdb.Options{Throwaway: true, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), poolPatience)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf("postgres://postgres:hunter2@127.0.0.1:%d/%s?sslmode=disable", port, devdb.DefaultDatabase), server.URL()
}
