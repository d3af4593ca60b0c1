//go:build unix

package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestEverySignalDrains: SIGHUP, which a terminal or ssh sends that closes, stops as SIGTERM does; the next signal ends it.
func TestEverySignalDrains(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			p, lock, patch := blocked(t, map[string]string{})
			p.signal(sig)
			p.await("draining")
			if err := lock.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			if a := <-patch; a.status != http.StatusOK || !a.close {
				t.Errorf("the request in flight got %+v, want 200 and Connection: close", a)
			}
			if status := p.status(); status != 0 {
				t.Errorf("exit status %d, want 0", status)
			}
		})
		t.Run("second "+sig.String(), func(t *testing.T) {
			t.Parallel()
			p, _, _ := blocked(t, map[string]string{"SHUTDOWN_TIMEOUT": "600"})
			p.signal(syscall.SIGHUP)
			p.await("draining")
			p.until("the second signal ends it", func() bool { // a test may have a terminal, which makes SIGHUP wait for 1 s
				_ = p.cmd.Process.Signal(sig)
				select {
				case <-p.exited:
					return true
				default:
					return false
				}
			})
			if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != sig {
				t.Errorf("ended by %v, want the signal", p.cmd.ProcessState)
			}
		})
	}
}

// TestNohup: who asks for no hang-up gets none.
func TestNohup(t *testing.T) {
	t.Parallel()
	nohup, err := exec.LookPath("nohup")
	if err != nil {
		t.Skip(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := startProgram(t, nohup, t.TempDir(), map[string]string{"DATABASE_URL": dbtest.Things(t)}, self, "serve")
	base := p.url()
	p.signal(syscall.SIGHUP)
	if a := get(t, base+"/health/ready"); a.status != http.StatusOK {
		t.Errorf("status %d, want 200", a.status)
	}
	p.signal(syscall.SIGTERM)
	if status := p.status(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}

// TestLogReaderGoesAway: the service answers and stops as ever, though nobody reads its log any more.
func TestLogReaderGoesAway(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := startWith(t, map[string]string{"DATABASE_URL": dbtest.Things(t), "ADMIN_ADDR": "127.0.0.1:0"}, w)
	w.Close()
	go func() { _, _ = io.Copy(p.output, r) }()
	base := p.url()
	r.Close()
	for range 3 { // each with a line in the log
		if a := get(t, base+"/things"); a.status != http.StatusOK {
			t.Errorf("status %d, want 200", a.status)
		}
	}
	p.signal(syscall.SIGTERM)
	if status := p.status(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}

// startupPhases hold the start up, each at another place, until the process has ended.
var startupPhases = map[string]func(t *testing.T, url string) *process{
	"migrating": startMigrating,
	"waiting for the migrator": func(t *testing.T, url string) *process {
		startMigrating(t, url)
		proxy := dbtest.NewProxy(t, url)
		p := start(t, map[string]string{"DATABASE_URL": proxy.URL()})
		p.until("it asks for the migrations' lock", func() bool { return proxy.RoundTrips() > 30 }) // again and again
		return p
	},
	"between attempts": func(t *testing.T, _ string) *process {
		p := start(t, map[string]string{"DATABASE_URL": "postgres://u@127.0.0.1:1/d", "DB_CONNECT_RETRY_DELAY": "600"})
		p.await("attempt 1 of")
		return p
	},
	"connecting": func(t *testing.T, url string) *process {
		proxy := dbtest.NewProxy(t, url)
		proxy.BlackHole()
		p := start(t, map[string]string{"DATABASE_URL": proxy.URL(), "DB_CONNECT_TIMEOUT": "600"})
		p.until("it connects", func() bool { return proxy.Accepted() > 0 })
		return p
	},
}

// startMigrating starts a process whose first migration waits for a transaction that makes the same table.
func startMigrating(t *testing.T, url string) *process {
	t.Helper()
	tx, err := dbtest.Connect(t, url).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "CREATE TABLE idempotency_keys ()"); err != nil {
		t.Fatal(err)
	}
	p := start(t, map[string]string{"DATABASE_URL": url})
	watch := dbtest.Connect(t, url)
	p.until("it waits", func() bool {
		var n int
		err := watch.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
			WHERE NOT granted AND datname = current_database()`).Scan(&n)
		return err == nil && n > 0
	})
	return p
}

// TestEverySignalDuringStartUp ends it soon, with exit status 0, wherever it is.
func TestEverySignalDuringStartUp(t *testing.T) {
	t.Parallel()
	for name, phase := range startupPhases {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
			t.Run(name+", "+sig.String(), func(t *testing.T) {
				t.Parallel()
				p := phase(t, dbtest.Empty(t))
				sent := time.Now()
				p.signal(sig)
				if status := p.status(); status != 0 {
					t.Errorf("exit status %d, want 0", status)
				}
				took := time.Since(sent)
				t.Logf("ended after %v", took)
				if took > 10*time.Second { // 2 s, on a machine with time to spare
					t.Errorf("ended after %v", took)
				}
			})
		}
	}
}
