//go:build unix

package devdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// errOldBackends: the backends of a killed postmaster are still there. They end when they next look at their clients.
var errOldBackends = errors.New("processes of an earlier server are still at work on the data")

// launch starts the server on its data and waits until it takes connections.
func (s *Server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("not ready after %v", startLimit))
	defer cancel()
	endOld(s.home.data(), syscall.SIGINT)
	for {
		err := s.tryLaunch(ctx)
		if !errors.Is(err, errOldBackends) || ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *Server) tryLaunch(ctx context.Context) error {
	if err := s.makeSocketDir(); err != nil {
		return err
	}
	log, err := os.OpenFile(s.home.log(), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	before, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	cmd := s.owner.command(filepath.Join(s.found.bin, "postgres"), s.args()...)
	cmd.Stdout, cmd.Stderr = log, log
	if s.proc, err = StartProcess(cmd, s.orphanSignal()); err != nil {
		return err
	}
	err = s.ready(ctx)
	if err == nil {
		return nil
	}
	_ = s.end(ctx, syscall.SIGQUIT)
	return s.explain(err, log, before)
}

// makeSocketDir starts with an empty folder: a killed server leaves a socket and a lock whose number may be in use again.
func (s *Server) makeSocketDir() error {
	dir := s.home.socket()
	if info, err := os.Lstat(dir); err == nil {
		st := info.Sys().(*syscall.Stat_t)
		if !info.IsDir() || (int(st.Uid) != s.owner.uid && int(st.Uid) != os.Geteuid()) {
			return fmt.Errorf("%s belongs to somebody else", dir) // everybody may put things into /tmp
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return s.owner.mkdir(dir)
}

// orphanSignal is what the server gets when this program is killed: time for a clean end only if there is data to keep.
func (s *Server) orphanSignal() syscall.Signal {
	if s.opts.Throwaway {
		return syscall.SIGQUIT
	}
	return syscall.SIGINT
}

func (s *Server) args() []string {
	settings := map[string]string{"listen_addresses": "", "unix_socket_permissions": "0700"}
	if s.opts.Port != 0 {
		settings["listen_addresses"] = "127.0.0.1"
	}
	if s.opts.Throwaway {
		maps.Copy(settings, throwawaySettings)
		if s.found.has("pg_stat_statements") {
			settings["shared_preload_libraries"] = "pg_stat_statements"
		}
	}
	maps.Copy(settings, s.opts.Settings)
	args := []string{"-D", s.home.data(), "-k", s.home.socket(), "-p", strconv.Itoa(s.port())}
	for name, value := range settings {
		args = append(args, "-c"+name+"="+value)
	}
	slices.Sort(args[6:])
	return args
}

// ready waits for the first connection and sees to it that the database is there.
func (s *Server) ready(ctx context.Context) error {
	for {
		conn, err := pgx.Connect(ctx, s.urlOf("postgres"))
		if err == nil {
			return s.createDatabase(ctx, conn)
		}
		select {
		case <-s.proc.Done():
			return fmt.Errorf("postgres ended with status %d", s.proc.ExitCode())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (s *Server) createDatabase(ctx context.Context, conn *pgx.Conn) error {
	defer conn.Close(context.WithoutCancel(ctx))
	var there bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", s.opts.Database).Scan(&there)
	if err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{s.opts.Database}.Sanitize())
	return err
}

// explain adds the end of what the server wrote since it was started.
func (s *Server) explain(err error, log *os.File, from int64) error {
	const limit = 2000
	if end, _ := log.Seek(0, io.SeekEnd); end-from > limit {
		from = end - limit
	}
	text := make([]byte, limit)
	n, _ := log.ReadAt(text, from)
	text = bytes.TrimSpace(text[:n])
	if bytes.Contains(text, []byte("pre-existing shared memory block")) {
		err = errOldBackends
	}
	return fmt.Errorf("%w; %s ends with:\n%s", err, s.home.log(), text)
}
