//go:build unix

// Command devdb starts the project's own PostgreSQL, runs a command with the server's URL in its environment, and ends
// the server after it. How the server is found, started and kept is in internal/devdb.
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
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"example.com/transcription-api/internal/config/dotenv"
	"example.com/transcription-api/internal/devdb"
)

func main() {
	code, err := run(context.Background(), os.Args[1:], os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "devdb:", err)
	}
	os.Exit(code)
}

// Statuses of devdb's own; every other one is the command's, 128 + n if signal n ended that.
const (
	statusFailed   = 1
	statusUsage    = 2
	statusNotFound = 127 // as a shell says
)

// stopLimit is how long the server may take for its shutdown before it is killed.
const stopLimit = 15 * time.Second

func run(ctx context.Context, args []string, stderr io.Writer) (code int, err error) {
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
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, endSignals()...)
	// A reader of the output that goes away ends neither devdb nor, by that, the server. Caught, not ignored: the command
	// would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go endWithParent()

	cmd := exec.Command(program)
	cmd.Args = opts.command
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if opts.url != "" {
		fmt.Fprintf(stderr, "devdb: %s is set, so no PostgreSQL is started\n", opts.env)
		return attend(cmd, opts.env+"="+opts.url, nil, signals)
	}
	// A signal ends the start; one that comes too late for that attend finds.
	starting, started := signal.NotifyContext(ctx, endSignals()...)
	server, err := devdb.Start(starting, opts.server)
	started()
	var inUse *devdb.InUseError
	if errors.As(err, &inUse) {
		fmt.Fprintf(stderr, "devdb: shares the PostgreSQL of process %d, and loses it when that one ends; psql %q\n", inUse.PID, inUse.URL)
		return attend(cmd, opts.env+"="+inUse.URL, nil, signals)
	}
	if err != nil {
		return statusFailed, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		if stopErr := server.Stop(ctx); stopErr != nil {
			fmt.Fprintln(stderr, "devdb:", stopErr) // the status is the command's all the same
		}
	}()
	return attend(cmd, opts.env+"="+server.URL(), server.Done(), signals)
}

// options are what the command line says.
type options struct {
	server  devdb.Options
	env     string // the variable
	url     string // what it has already, here or in the .env that the API itself reads
	command []string
}

const usage = `Usage: devdb [flags] -- COMMAND ARGS…

Starts the project's own PostgreSQL, runs COMMAND with the server's URL in its environment, and ends the server after it.
Without -throwaway, and with the variable set in the environment or in .env, it only runs COMMAND.
When the program that started it ends, by SIGKILL too, it ends COMMAND and the server.

`

func parse(args []string, stderr io.Writer) (options, error) {
	opts := options{server: devdb.Options{Log: stderr}}
	flags := flag.NewFlagSet("devdb", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&opts.server.Throwaway, "throwaway", false, "fast and without data: new for this run, removed after it; for tests")
	flags.StringVar(&opts.env, "env", "DATABASE_URL", "the `variable` that COMMAND gets the URL in")
	flags.StringVar(&opts.server.Dir, "dir", devdb.DefaultDir(), "the `folder` of the data that is kept")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stderr, usage)
			flags.SetOutput(stderr)
			flags.PrintDefaults()
		}
		return opts, err
	}
	if opts.command = flags.Args(); len(opts.command) == 0 {
		return opts, errors.New("no command is given: devdb [flags] -- COMMAND ARGS…; devdb -h says more")
	}
	if opts.server.Throwaway {
		return opts, nil
	}
	env, err := dotenv.Read(".env")
	if err != nil {
		return opts, fmt.Errorf("settings: %w", err)
	}
	url, _ := env.Lookup(opts.env)
	opts.url = strings.TrimSpace(url)
	return opts, nil
}

// endSignals are what the command gets and devdb survives, to end the server after the command. What is ignored already
// stays so: nohup and & set that for devdb and its children alike.
func endSignals() []os.Signal {
	all := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
	return slices.DeleteFunc(all, signal.Ignored)
}

// endWithParent makes the end of make, or of whoever started devdb, a SIGTERM: after a SIGKILL of make nobody else is
// there to send one. A process whose parent ends gets another one, on every Unix.
func endWithParent() {
	for parent := os.Getppid(); os.Getppid() == parent; {
		time.Sleep(200 * time.Millisecond)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
}

// onTerminal tells whether devdb is the job that a terminal's keys reach.
func onTerminal() bool {
	group, err := unix.IoctlGetInt(int(os.Stdin.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// oneSignal is how far apart signals of a kind may come and count as one: make passes on what a whole group got, and at
// a second one the API stops at once, without draining.
const oneSignal = time.Second

// attend runs the command, with one variable more, to its end and passes signals on. serverDone may be nil.
//
// The command has a process group of its own, of which each member gets them. But psql can read the keyboard only in the
// group of the terminal's job: there the command stays in it, and the terminal signals it without devdb.
func attend(cmd *exec.Cmd, variable string, serverDone <-chan struct{}, signals <-chan os.Signal) (int, error) {
	cmd.Env = append(os.Environ(), variable) // of two values the later one counts
	shared := onTerminal()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: !shared}
	select {
	case sig := <-signals: // there was no command yet that the terminal could signal
		return 128 + int(sig.(syscall.Signal)), nil
	default:
	}
	child, err := devdb.StartProcess(cmd, syscall.SIGKILL)
	if err != nil {
		return statusFailed, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	last := map[os.Signal]time.Time{}
	for range len(signals) { // what came meanwhile may have missed it; twice does no harm to what only begins
		sig := <-signals
		child.Signal(sig.(syscall.Signal))
		last[sig] = time.Now()
	}
	var failure error
	for {
		select {
		case <-child.Done():
			if failure != nil {
				return statusFailed, failure
			}
			return child.ExitCode(), nil
		case <-serverDone:
			child.Signal(syscall.SIGTERM)
			serverDone, failure = nil, errors.New("postgres ended before the command did, which was told to end, too")
		case sig := <-signals:
			if again := time.Since(last[sig]) < oneSignal; !again && (!shared || sig == syscall.SIGTERM) {
				child.Signal(sig.(syscall.Signal))
			}
			last[sig] = time.Now()
		}
	}
}
