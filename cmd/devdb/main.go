//go:build unix

// Command devdb starts the project's own PostgreSQL, runs a command with the server's URL in its environment, and ends
// the server after it: devdb [flags] -- COMMAND ARGS…
// How the server is found, started and kept is in internal/devdb; here are the flags, the child and its signals.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"example.com/transcription-api/internal/devdb"
)

func main() {
	code, err := run(context.Background(), os.Args[1:], os.Environ(), os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "devdb:", err)
	}
	os.Exit(code)
}

// stopLimit is how long the server may take for its shutdown before it is killed.
const stopLimit = 15 * time.Second

// Statuses of devdb's own; every other one is the command's.
const (
	statusFailed   = 1
	statusUsage    = 2
	statusNotFound = 127 // as a shell says
)

// run is the program. Its status is the command's, or 128 + n if signal n ended that.
func run(ctx context.Context, args, environ []string, stderr io.Writer) (int, error) {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0, nil
	}
	if err != nil {
		return statusUsage, err
	}
	program, err := exec.LookPath(opts.command[0])
	if err != nil {
		return statusNotFound, err
	}
	if !opts.throwaway {
		url, err := presentURL(opts.env)
		if err != nil {
			return statusUsage, err
		}
		if url != "" {
			fmt.Fprintf(stderr, "devdb: %s is set, so no PostgreSQL is started\n", opts.env)
			return statusFailed, replaceBy(program, opts.command, setenv(environ, opts.env, url))
		}
	}
	return serve(ctx, program, opts, environ, stderr)
}

// serve runs the command beside a server.
func serve(ctx context.Context, program string, opts options, environ []string, stderr io.Writer) (code int, err error) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, relayed()...)
	defer signal.Stop(signals)
	// A reader of the output that goes away ends neither devdb nor, by that, the
	// server. Caught, not ignored: the command would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	server, err := startServer(ctx, opts, stderr, signals)
	if err != nil {
		return statusFailed, err
	}
	defer func() {
		if stopErr := stopServer(ctx, server); stopErr != nil {
			fmt.Fprintln(stderr, "devdb:", stopErr) // the status is the command's all the same
		}
	}()
	fmt.Fprintf(stderr, "devdb: PostgreSQL %d on %s, data in %s; psql %q\n",
		server.Major(), server.SocketDir(), server.DataDir(), server.URL())
	cmd := exec.Command(program)
	cmd.Args = opts.command
	cmd.Env = setenv(environ, opts.env, server.URL())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return attend(cmd, server, signals)
}

// startServer starts the server; a signal that comes meanwhile ends the start.
func startServer(ctx context.Context, opts options, stderr io.Writer, signals <-chan os.Signal) (*devdb.Server, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	started := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case sig := <-signals:
			cancel(fmt.Errorf("ended by signal: %v", sig))
		case <-started:
		}
	}()
	server, err := devdb.Start(ctx, devdb.Options{Dir: opts.dir, Throwaway: opts.throwaway, Log: stderr})
	close(started)
	<-watched
	defer cancel(nil)
	if cause := context.Cause(ctx); err == nil && cause != nil { // the signal came as the start was through
		return nil, errors.Join(cause, stopServer(ctx, server))
	}
	return server, err
}

// stopServer has a time limit of its own, whatever ended the run.
func stopServer(ctx context.Context, server *devdb.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	return server.Stop(ctx)
}

// project is the folder of the module that the working folder is in, so that the data are the same from each of its folders.
func project(folder string) string {
	for dir := folder; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return folder
		}
	}
}
