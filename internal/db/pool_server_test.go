//go:build unix

package db_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
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

// poolOpenDir is a folder that other users may enter: a server does not run as root.
func poolOpenDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pool-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// poolPasswordServer is the URL of a server that asks for a password, with a wrong one; its socket asks for none.
func poolPasswordServer(t *testing.T) (wrongPassword, socket string) {
	t.Helper()
	hba := filepath.Join(poolOpenDir(t), "pg_hba.conf")
	rules := "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
	if err := os.WriteFile(hba, []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	port := poolFreePort(t)
	server, err := devdb.Start(t.Context(), devdb.Options{
		Throwaway: true, Port: port, Settings: map[string]string{"hba_file": hba},
	})
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
