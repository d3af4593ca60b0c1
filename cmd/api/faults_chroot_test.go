//go:build faults && linux

package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestFaultEmptyRoot starts the production binary with nothing around it but a
// root that it can not write to, as nobody: what an image from scratch is.
func TestFaultEmptyRoot(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root may chroot")
	}
	root := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(root, "api"), ".") // as make build does
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	url := dbtest.NewProxy(t, dbtest.New(t)).URL() // there is no socket in there
	p := startInRoot(t, root, map[string]string{"DATABASE_URL": url, "ENVIRONMENT": "production"})
	base := p.await(`"url":"http://[^"]*:(\d+)"`)[1]
	if a := get(t, "http://"+net.JoinHostPort("127.0.0.1", base)+"/health/db"); a.status != http.StatusOK {
		t.Errorf("GET /health/db: %d", a.status)
	}
	probe := startInRoot(t, root, map[string]string{"PORT": base, "ENVIRONMENT": "production"}, "health")
	if status := probe.status(); status != 0 || !strings.HasPrefix(probe.output.String(), "200 ") {
		t.Errorf("api health: exit status %d", status)
	}
	p.signal(syscall.SIGTERM)
	if status := p.status(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	if files, err := os.ReadDir(root); err != nil || len(files) != 1 {
		t.Errorf("in the root: %v, %v; want the binary alone", files, err)
	}
}

func startInRoot(t *testing.T, root string, env map[string]string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command("/api", args...), output: new(dbtest.Log), exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	const nobody = 65534
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	p.run("/", env)
	return p
}
