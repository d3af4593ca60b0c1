//go:build unix

package devdb

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"syscall"
	"time"
)

// Server is a PostgreSQL that Start brought up. Stop, Halt, Kill and Restart are for one goroutine at a time.
type Server struct {
	opts  Options
	owner owner
	home  *folder
	found installation
	proc  *Process
}

// URL leads to the database through the socket; pgx, psql and net/url all read it. It stays the same after Restart.
func (s *Server) URL() string { return s.urlOf(s.opts.Database) }

// urlOf names the port too, or else a PGPORT in the environment would lead to another socket.
func (s *Server) urlOf(database string) string {
	return fmt.Sprintf("postgres://postgres@/%s?host=%s&port=%d&sslmode=disable",
		url.PathEscape(database), s.home.socket(), s.port())
}

// TCPURL leads to the database through 127.0.0.1; it needs Options.Port.
func (s *Server) TCPURL() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port(), url.PathEscape(s.opts.Database))
}

// port is part of the socket's name even without TCP.
func (s *Server) port() int {
	if s.opts.Port == 0 {
		return 5432
	}
	return s.opts.Port
}

// SocketDir is the folder of the Unix socket; only the server's user, and root, can enter it.
func (s *Server) SocketDir() string { return s.home.socket() }

// DataDir is the data folder.
func (s *Server) DataDir() string { return s.home.data() }

// LogFile is what the server writes to; a throw-away server's goes with its data.
func (s *Server) LogFile() string { return s.home.log() }

// Major is the server's major version.
func (s *Server) Major() int { return s.found.major }

// PID is the process number of the postmaster; after Restart it is another one.
func (s *Server) PID() int { return s.proc.PID() }

// Done is closed when the present postmaster has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.proc.Done() }

// Stop ends the server and gives its folder up; throw-away data is removed. When the context ends before the server,
// it is killed, which costs the next start a recovery but no data.
func (s *Server) Stop(ctx context.Context) error {
	sig := syscall.SIGINT // fast shutdown
	if s.opts.Throwaway {
		sig = syscall.SIGQUIT // immediate: there is nothing to save
	}
	if err := errors.Join(s.end(ctx, sig), s.home.release()); err != nil {
		return fmt.Errorf("stop postgres: %w", err)
	}
	return nil
}

// Halt shuts the server down fast, as an administrator would; Restart brings it back with its data under its URL.
func (s *Server) Halt(ctx context.Context) error {
	if err := s.end(ctx, syscall.SIGINT); err != nil {
		return fmt.Errorf("halt postgres: %w", err)
	}
	return nil
}

// Kill ends the postmaster as a crash would. Its backends notice when they next wait for their clients.
func (s *Server) Kill() {
	s.proc.Signal(syscall.SIGKILL)
	<-s.proc.Done()
}

// Restart brings the server up on its data, under its URL. One that still runs is shut down before.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Halt(ctx); err != nil {
		return err
	}
	if err := s.launch(ctx); err != nil {
		return fmt.Errorf("restart postgres: %w", err)
	}
	return nil
}

// errKilled is returned when the server did not end by itself in time.
var errKilled = errors.New("it did not end in time and was killed")

// end waits for the postmaster to follow a signal. SIGQUIT is next to last: by it the postmaster takes its backends along.
func (s *Server) end(ctx context.Context, sig syscall.Signal) error {
	s.proc.Signal(sig)
	select {
	case <-s.proc.Done():
		return nil
	case <-ctx.Done():
	}
	s.proc.Signal(syscall.SIGQUIT)
	select {
	case <-s.proc.Done():
	case <-time.After(6 * time.Second): // the postmaster itself gives its backends 5 s
		s.Kill()
	}
	return errKilled
}

// prepare finds the programs and makes the data, if there is none.
func (s *Server) prepare(ctx context.Context) (err error) {
	major, err := majorOf(s.home.data())
	if err != nil {
		return err
	}
	if s.found, err = s.opts.finder.find(ctx, s.owner, major); err != nil {
		return err
	}
	if err := s.home.sign(s.URL()); err != nil {
		return err
	}
	if err := os.Remove(s.home.log()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if major != 0 {
		return nil
	}
	return s.makeData(ctx)
}
