//go:build unix

package devdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// writeAsOwner puts a file into the data as the server itself would.
func writeAsOwner(t *testing.T, s *Server, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, s.owner.uid, s.owner.gid); err != nil {
		t.Fatal(err)
	}
}

// stranger runs a process of the server's user that has nothing to do with the data.
func stranger(t *testing.T, o owner) *Process {
	t.Helper()
	p, err := StartProcess(o.command("sleep", "600"), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Signal(syscall.SIGKILL)
		<-p.Done()
	})
	return p
}

// TestStalePIDFile: after a crash the number in postmaster.pid, and in the socket's lock, may be anybody's.
func TestStalePIDFile(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := startFor(t, Options{Dir: dir})
	query(t, s.URL(), "CREATE TABLE kept ()")
	stop(t, s)
	other := stranger(t, s.owner)
	for name, text := range map[string]string{
		"of a process that lives": fmt.Sprintf("%d\n%s\n1700000000\n5432\n%s\n\n", other.cmd.Process.Pid, s.home.data(), s.home.socket()),
		"of none":                 fmt.Sprintf("%d\n%s\n1700000000\n5432\n%s\n\n", 1<<30, s.home.data(), s.home.socket()),
		"empty":                   "",
		"no number":               "x",
	} {
		writeAsOwner(t, s, filepath.Join(s.home.data(), "postmaster.pid"), text)
		if err := s.owner.mkdir(s.home.socket()); err != nil {
			t.Fatal(err)
		}
		writeAsOwner(t, s, filepath.Join(s.home.socket(), ".s.PGSQL.5432.lock"), text)
		writeAsOwner(t, s, filepath.Join(s.home.socket(), ".s.PGSQL.5432"), "")
		again, err := Start(t.Context(), Options{Dir: dir})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		query(t, again.URL(), "SELECT FROM kept")
		stop(t, again)
	}
	select {
	case <-other.Done():
		t.Error("a process that is not ours was ended")
	default:
	}
}

// TestServerLeftOver: an old server still runs, or is about to end; its starter was killed and holds no lock.
func TestServerLeftOver(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	old := startFor(t, Options{Dir: dir})
	query(t, old.URL(), "CREATE TABLE kept ()")
	old.home.unlock()
	var asked atomic.Bool
	time.AfterFunc(300*time.Millisecond, func() {
		asked.Store(true)
		old.proc.Signal(syscall.SIGINT)
	})
	s := startFor(t, Options{Dir: dir})
	if !asked.Load() {
		t.Error("two servers on the same data")
	}
	query(t, s.URL(), "SELECT FROM kept")
}

// TestForeignServer: PostgreSQL itself refuses data that a server uses which holds no lock of ours.
func TestForeignServer(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := startFor(t, Options{Dir: dir})
	stop(t, s)
	if err := s.owner.mkdir(s.home.socket()); err != nil {
		t.Fatal(err)
	}
	foreign, err := StartProcess(s.owner.command(filepath.Join(s.found.bin, "postgres"), s.args()...), syscall.SIGINT)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		foreign.Signal(syscall.SIGINT)
		<-foreign.Done()
	})
	s.proc = foreign
	if err := s.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "pre-existing shared memory") {
		t.Errorf("%v", err)
	}
}

// TestInterruptedInit: what initdb left half made is no data.
func TestInterruptedInit(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "data.init", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data.init", "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	query(t, startFor(t, Options{Dir: dir}).URL(), "SELECT 'fine'")
}

// TestCancelledStart: wherever a start is cut off, the next one finds no obstacle.
func TestCancelledStart(t *testing.T) {
	t.Parallel()
	needsPostgres(t)
	dir := tempDir(t)
	for _, after := range []time.Duration{0, 100 * time.Millisecond, 400 * time.Millisecond} {
		why := errors.New("changed my mind")
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(after, func() { cancel(why) })
		s, err := Start(ctx, Options{Dir: dir})
		timer.Stop()
		cancel(nil)
		switch {
		case err == nil: // a fast machine
			stop(t, s)
		case !errors.Is(err, why):
			t.Errorf("after %v: %v", after, err)
		}
	}
	query(t, startFor(t, Options{Dir: dir}).URL(), "SELECT 'fine'")
}

// TestBadSetting: the server's own words are in the error.
func TestBadSetting(t *testing.T) {
	t.Parallel()
	needsPostgres(t)
	_, err := Start(t.Context(), Options{Throwaway: true, Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), `unrecognized configuration parameter "no_such_setting"`) {
		t.Errorf("%v", err)
	}
}

func TestNoFolder(t *testing.T) {
	t.Parallel()
	if _, err := Start(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "no folder") {
		t.Errorf("%v", err)
	}
}

func TestDataOfAnotherVersion(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	finder := &finder{path: fakePostgres(t, "15.4"), cache: tempDir(t)}
	_, err := Start(t.Context(), Options{Dir: dir, finder: finder})
	if err == nil || !strings.Contains(err.Error(), "needs PostgreSQL 9, which was not found; install that, or begin anew without these data: rm -r "+dir) {
		t.Errorf("%v", err)
	}
}
