//go:build unix

// Package devdb runs a PostgreSQL server of the project's own, for development and tests: it finds the programs, makes
// the data folder, starts the server on a private Unix socket and ends it with its parent.
// It is not for production: nothing that cmd/api links may import it.
package devdb

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// Options say which server to start. The zero value of each field but Dir has a meaning of its own.
type Options struct {
	Dir       string            // folder of the kept data, its log and its lock; not used by a throw-away server
	Throwaway bool              // new data for this one server, without durability, removed by Stop
	Port      int               // also listen on 127.0.0.1, for those who know the password in TCPURL; 0 is no TCP at all
	Settings  map[string]string // more postgres settings; they win over the launcher's own
	Log       io.Writer         // notices for whoever waits; nil is silence

	finder *finder // tests look for programs elsewhere
}

// DefaultDatabase is the name of the database.
const DefaultDatabase = "transcription"

// Start brings up a server and returns when it takes connections. Its context bounds the start, not the server: that
// one ends by Stop, or with this program. While another program has a server on the same data, it returns an InUseError.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Log == nil {
		opts.Log = io.Discard
	}
	if opts.finder == nil {
		opts.finder = defaultFinder(opts.Log)
	}
	owner, err := findOwner()
	if err != nil {
		return nil, err
	}
	home, err := claim(ctx, opts)
	if err != nil {
		return nil, err
	}
	// The port is part of the socket's name even without TCP.
	s := &Server{opts: opts, owner: owner, home: home, port: cmp.Or(opts.Port, 5432), password: rand.Text()}
	if s.found, err = opts.finder.find(ctx, owner, home.data()); err == nil {
		err = s.launch(ctx)
	}
	if err != nil {
		_ = s.release() // the error of the start is the one to tell

		// pgx tells of the context alone.
		if why := context.Cause(ctx); why != nil && !errors.Is(err, why) {
			err = fmt.Errorf("%w: %w", why, err)
		}
		return nil, err
	}
	fmt.Fprintf(opts.Log, "devdb: PostgreSQL %d, its data and log in %s; psql %q\n", s.found.major, s.home.path, s.URL())
	return s, nil
}

// Server is a PostgreSQL that Start brought up. Stop, Halt, Kill and Restart are for one goroutine at a time.
type Server struct {
	opts     Options
	owner    owner
	home     *folder
	found    installation
	proc     *Process
	port     int
	password string // for TCP
}

// URL leads to the database through the socket; pgx, psql and net/url all read it. It stays the same after Restart.
func (s *Server) URL() string { return s.urlOf(DefaultDatabase) }

// urlOf names the port too, or else a PGPORT in the environment would lead to another socket.
func (s *Server) urlOf(database string) string {
	return fmt.Sprintf("postgres://postgres@/%s?host=%s&port=%d&sslmode=disable", database, s.home.socket(), s.port)
}

// TCPURL leads to the database through 127.0.0.1; it needs Options.Port.
func (s *Server) TCPURL() string {
	return fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/%s?sslmode=disable", s.password, s.port, DefaultDatabase)
}

// Done is closed when the present postmaster has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.proc.Done() }

// Stop ends the server and gives its folder up; throw-away data is removed. When the context ends before the server,
// it is killed, which costs the next start a recovery but no data.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.home.sign(""); err != nil { // who comes now waits
		return err
	}
	return errors.Join(s.end(ctx, s.stopSignal()), s.release())
}

// stopSignal takes time for a clean end only if there is data to keep.
func (s *Server) stopSignal() syscall.Signal {
	if s.opts.Throwaway {
		return syscall.SIGQUIT
	}
	return syscall.SIGINT
}

// Halt shuts the server down fast, as an administrator would; Restart brings it back with its data under its URL.
func (s *Server) Halt(ctx context.Context) error { return s.end(ctx, syscall.SIGINT) }

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
	return s.launch(ctx)
}

// end waits for the postmaster to follow a signal.
func (s *Server) end(ctx context.Context, sig syscall.Signal) error {
	s.proc.Signal(sig)
	select {
	case <-s.proc.Done():
		return nil
	case <-ctx.Done():
		s.Kill()
		return errors.New("postgres did not end in time and was killed")
	}
}

// release gives the folder up.
func (s *Server) release() error {
	defer s.home.unlock()
	err := os.RemoveAll(s.home.socket())
	if !s.opts.Throwaway {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // whatever ended the run
	defer cancel()
	lock, lockErr := s.home.idle(ctx)
	if lockErr == nil {
		defer lock.Close()
	}
	return errors.Join(err, lockErr, os.RemoveAll(s.home.path))
}
