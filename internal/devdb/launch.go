//go:build unix

package devdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// startLimit bounds one start of the server, crash recovery and a machine that is busy with other things included.
const startLimit = 3 * time.Minute

// launch starts the server, on new data if there is none, and waits until it takes connections.
func (s *Server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("not ready after %v", startLimit))
	defer cancel()
	lock, err := s.home.idle(ctx)
	if err != nil {
		return err
	}
	defer lock.Close() // the server has it, too
	if err := s.makeData(ctx, lock); err != nil {
		return err
	}
	log, err := s.clear()
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.owner.command(filepath.Join(s.found.bin, "postgres"), s.args()...)
	cmd.ExtraFiles = []*os.File{lock}
	cmd.Stdout, cmd.Stderr = log, log
	if s.proc, err = StartProcess(cmd, s.stopSignal(), s.leftovers()...); err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		_ = s.end(ctx, syscall.SIGQUIT)
		text, _ := os.ReadFile(s.home.log())
		return fmt.Errorf("%w; its log ends with:\n%s", err, bytes.TrimSpace(text[max(0, len(text)-2000):]))
	}
	return s.home.sign(s.URL())
}

// makeData makes the data, if there is none, under another name first: what a killed start leaves half made is no data.
func (s *Server) makeData(ctx context.Context, lock *os.File) error {
	if _, err := os.Stat(s.home.data()); err == nil {
		return nil
	}
	half := s.home.data() + ".init"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	if err := s.owner.mkdir(half); err != nil {
		return err
	}
	// Text sorts by bytes, and letters of every script change case. macOS has no C.UTF-8 before version 15.
	characters := map[bool]string{true: "UTF-8", false: "C.UTF-8"}[runtime.GOOS == "darwin"]
	// By TCP every user of this machine can come; by the socket only who may enter its folder.
	cmd := s.owner.command(filepath.Join(s.found.bin, "initdb"), "-D", half, "-U", "postgres", "-E", "UTF8",
		"--locale=C", "--lc-ctype="+characters, "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync")
	cmd.ExtraFiles = []*os.File{lock}
	if _, err := output(ctx, cmd, s.leftovers()...); err != nil {
		return err
	}
	return os.Rename(half, s.home.data())
}

// leftovers are removed if this program is killed. What is kept is left alone: its next server may be there already.
func (s *Server) leftovers() []string {
	if !s.opts.Throwaway {
		return nil
	}
	return []string{s.home.socket(), s.home.path}
}

// clear removes what is in the way of a server, as no earlier one lives, and begins a new log.
func (s *Server) clear() (log *os.File, err error) {
	// After a crash the number in it may be another process's by now, and PostgreSQL would not start.
	err = os.Remove(filepath.Join(s.home.data(), "postmaster.pid"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.RemoveAll(s.home.socket()); err != nil {
		return nil, err
	}
	if err := s.owner.mkdir(s.home.socket()); err != nil {
		return nil, err
	}
	return os.OpenFile(s.home.log(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
}

// throwawaySettings give up what outlives the machine, and leave room for many test packages at a time. Commits stay
// synchronous: without fsync that costs nothing, and tests that kill the server find their rows again.
var throwawaySettings = []string{"-cfsync=off", "-cfull_page_writes=off", "-cmax_connections=300", "-cmax_wal_size=256MB"}

func (s *Server) args() []string {
	listen := ""
	if s.opts.Port != 0 {
		listen = "127.0.0.1"
	}
	args := []string{
		"-D", s.home.data(), "-k", s.home.socket(), "-p", strconv.Itoa(s.port), "-clisten_addresses=" + listen,
		"-cdynamic_shared_memory_type=mmap", // files of the data folder: in /dev/shm those of a killed server would stay
	}
	if s.opts.Throwaway {
		args = append(args, throwawaySettings...)
	}
	for name, value := range s.opts.Settings { // of two values the later one counts
		args = append(args, "-c"+name+"="+value)
	}
	return args
}

// ready waits for the first connection and sees to it that password and database are there.
func (s *Server) ready(ctx context.Context) error {
	for {
		conn, err := pgx.Connect(ctx, s.urlOf("postgres"))
		if err == nil {
			defer conn.Close(context.WithoutCancel(ctx))
			return s.setUp(ctx, conn)
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

func (s *Server) setUp(ctx context.Context, conn *pgx.Conn) error {
	if s.opts.Port != 0 {
		if _, err := conn.Exec(ctx, "ALTER ROLE postgres PASSWORD '"+s.password+"'"); err != nil {
			return err
		}
	}
	var there bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", DefaultDatabase).Scan(&there)
	if err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+DefaultDatabase)
	return err
}
