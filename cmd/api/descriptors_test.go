package main

import (
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestNoDescriptorsLeft: too many connections are one clear line, and those that wait are served when others leave.
func TestNoDescriptorsLeft(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"DATABASE_URL": dbtest.Empty(t), "DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "0"}
	p := startProgram(t, "/bin/sh", t.TempDir(), env, "-c", `ulimit -n 32 && exec "$0"`, self)
	base := p.url()
	var held []net.Conn
	for range 40 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		held = append(held, conn)
	}
	p.await("no file descriptors left: .*")
	for _, conn := range held {
		_ = conn.Close()
	}
	if a := get(t, base+"/health/ready"); a.status != http.StatusOK {
		t.Errorf("after the others have left: %d", a.status)
	}
	if n := strings.Count(p.output.String(), "no file descriptors left"); n > 2 { // a slow machine may take ten seconds
		t.Errorf("%d lines say so", n)
	}
}
