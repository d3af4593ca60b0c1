//go:build unix

// Command dev builds and runs the service, and does both again whenever one of its files changes: make dev. While a build
// fails, what ran before goes on.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"example.com/transcription-api/internal/devdb"
)

const usage = "usage: dev BUILD ARGS… -- PROGRAM ARGS…"

func main() {
	ends := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	ends = slices.DeleteFunc(ends, signal.Ignored) // by nohup or &, and to stay so
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	context.AfterFunc(ctx, stop) // a second signal ends dev at once
	d, err := parse(os.Args[1:])
	if err == nil {
		err = d.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

// developer is who builds and runs, again and again.
type developer struct {
	root           string
	build, program []string
	interval       time.Duration // of looking for changes
	stdout, stderr io.Writer
	running        *devdb.Process // nil: nothing runs
}

func parse(args []string) (*developer, error) {
	at := slices.Index(args, "--")
	if at < 1 || at == len(args)-1 {
		return nil, errors.New(usage)
	}
	return &developer{root: ".", build: args[:at], program: args[at+1:], interval: 500 * time.Millisecond, stdout: os.Stdout, stderr: os.Stderr}, nil
}

// run goes on until ctx ends, and then ends the program. A change is taken up once files have been as they are for an
// interval: editors and git write several, one after the other.
func (d *developer) run(ctx context.Context) error {
	built, err := look(d.root)
	if err != nil {
		return err
	}
	d.again(ctx)
	defer func() { d.stop() }()
	for last := built; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-d.done():
			d.say("%s has ended with status %d; it starts again after a change", d.program[0], d.running.ExitCode())
			d.running = nil
			continue
		case <-time.After(d.interval):
		}
		now, err := look(d.root)
		if err != nil {
			d.say("look for changes: %v", err)
			continue
		}
		quiet := last.differs(now) == ""
		if name := built.differs(now); quiet && name != "" {
			d.say("%s has changed", name)
			built = now
			d.again(ctx)
		}
		last = now
	}
}

func (d *developer) say(format string, args ...any) {
	fmt.Fprintf(d.stderr, "dev: "+format+"\n", args...)
}

// done is never for a program that does not run.
func (d *developer) done() <-chan struct{} {
	if d.running == nil {
		return nil
	}
	return d.running.Done()
}

// again builds, and if that succeeds puts the new program in the place of the old one.
func (d *developer) again(ctx context.Context) {
	build := exec.CommandContext(ctx, d.build[0], d.build[1:]...)
	build.Dir, build.Stdout, build.Stderr = d.root, d.stdout, d.stderr
	build.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches it through ctx, or it would be said to fail
	err := build.Run()
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && d.running != nil:
		d.say("the build fails, and what runs goes on: %v", err)
		return
	case err != nil:
		d.say("the build fails: %v", err)
		return
	}
	d.stop()
	program := exec.Command(d.program[0], d.program[1:]...)
	program.Dir, program.Stdout, program.Stderr = d.root, d.stdout, d.stderr
	program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches it through stop, once
	if d.running, err = devdb.StartProcess(program, syscall.SIGKILL); err != nil {
		d.running = nil
		d.say("%v", err)
	}
}

// stop lets the program finish its requests; then a second signal ends it at once.
func (d *developer) stop() {
	if d.running == nil {
		return
	}
	for _, try := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGTERM, 10 * time.Second}, {syscall.SIGTERM, 5 * time.Second}, {syscall.SIGKILL, time.Minute}} {
		d.running.Signal(try.signal)
		select {
		case <-d.running.Done():
			d.running = nil
			return
		case <-time.After(try.wait):
		}
	}
	d.running = nil
}
