//go:build unix

package devdb

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// startFor starts a server for a test and stops it after that.
func startFor(t *testing.T, opts Options) *Server {
	t.Helper()
	needsPostgres(t)
	s, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

// tempDir is a folder that the server's user can pass through; testing's own is closed to others.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(throwawayBase(), "devdb-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func needsPostgres(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a PostgreSQL of its own")
	}
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own context is over in its cleanup
	defer cancel()
	if err := s.Stop(ctx); err != nil && !errors.Is(err, os.ErrClosed) { // some tests have stopped it themselves
		t.Error(err)
	}
}

// query returns the one value that a statement yields; DDL yields "".
func query(t *testing.T, url, sql string) (value string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	err = conn.QueryRow(t.Context(), sql).Scan(&value)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestKeptDataOutlivesTheServer(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "deep", "below")
	first := startFor(t, Options{Dir: dir})
	query(t, first.URL(), "CREATE TABLE kept ()")
	if got := query(t, first.URL(), "SELECT current_database()::text"); got != DefaultDatabase {
		t.Errorf("database %q", got)
	}
	stop(t, first)
	if exists(first.home.socket()) || !exists(first.home.data()) {
		t.Error("Stop has to remove the socket, and nothing else")
	}
	second := startFor(t, Options{Dir: dir})
	query(t, second.URL(), "SELECT FROM kept")
	if first.URL() != second.URL() {
		t.Errorf("the URL changed: %s, %s", first.URL(), second.URL())
	}
}

func TestThrowawayLeavesNothing(t *testing.T) {
	t.Parallel()
	s := startFor(t, Options{Throwaway: true, Settings: map[string]string{"work_mem": "7MB"}})
	for setting, want := range map[string]string{
		"fsync": "off", "work_mem": "7MB", "listen_addresses": "", "TimeZone": "UTC", "server_encoding": "UTF8",
	} {
		if got := query(t, s.URL(), "SHOW "+setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	stop(t, s)
	if exists(s.home.path) || exists(s.home.socket()) {
		t.Error("something is left in", s.home.path, "or", s.home.socket())
	}
}

func TestKillAndRestart(t *testing.T) {
	t.Parallel()
	s := startFor(t, Options{Throwaway: true})
	url, pid := s.URL(), s.proc.cmd.Process.Pid
	query(t, url, "CREATE TABLE kept ()")
	held, err := pgx.Connect(t.Context(), url) // its backend outlives the postmaster for a moment
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close(t.Context())

	s.Kill()
	select {
	case <-s.Done():
	default:
		t.Error("killed, and not done")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	query(t, url, "SELECT FROM kept")
	if s.URL() != url || s.proc.cmd.Process.Pid == pid {
		t.Errorf("after Restart: %s, process %d as before", s.URL(), pid)
	}
}

func TestHaltAndRestart(t *testing.T) {
	t.Parallel()
	s := startFor(t, Options{Throwaway: true})
	query(t, s.URL(), "CREATE TABLE kept ()")
	if err := s.Halt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if conn, err := pgx.Connect(t.Context(), s.URL()); err == nil {
		conn.Close(t.Context())
		t.Error("halted, and takes connections")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	query(t, s.URL(), "SELECT FROM kept")
	if err := s.Restart(t.Context()); err != nil { // this time from a running server
		t.Fatal(err)
	}
	query(t, s.URL(), "SELECT FROM kept")
}

func TestTCP(t *testing.T) {
	t.Parallel()
	needsPostgres(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	s := startFor(t, Options{Throwaway: true, Port: port})
	if got := query(t, s.TCPURL(), "SELECT current_database()::text"); got != DefaultDatabase {
		t.Errorf("%s leads to %q", s.TCPURL(), got)
	}
	var refused *pgconn.PgError
	for _, other := range []string{"", ":", ":guess"} { // every user of this machine can try
		_, err := pgx.Connect(t.Context(), strings.Replace(s.TCPURL(), ":"+s.password, other, 1))
		if !errors.As(err, &refused) || refused.Code != "28P01" {
			t.Errorf("password %q: %v", other, err)
		}
	}
}

// TestURL: the form is one that net/url and pgx read alike, and that no PG… variable of the environment can bend.
func TestURL(t *testing.T) {
	t.Parallel()
	s := &Server{port: 5432, home: &folder{path: "/some/where"}}
	u, err := url.Parse(s.URL())
	if err != nil || u.Query().Get("host") != s.home.socket() || u.Path != "/"+DefaultDatabase {
		t.Errorf("net/url: %v, %v", u, err)
	}
	cfg, err := pgx.ParseConfig(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Host != s.home.socket() || cfg.Port != 5432 || cfg.Database != DefaultDatabase || cfg.User != "postgres" {
		t.Errorf("pgx: %s %d %s %s", cfg.Host, cfg.Port, cfg.Database, cfg.User)
	}
	if len(s.home.socket()) > 80 {
		t.Error("too long for a socket:", s.home.socket())
	}
}
