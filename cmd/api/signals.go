package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// hangUpTime is within how long a terminal that closes may say so again: its
// shell does, and the kernel does.
const hangUpTime = time.Second

// untilSignal returns a context that the first SIGINT, SIGTERM or SIGHUP ends. A
// second signal ends the process, since by then nobody catches it. A SIGHUP that
// was ignored at the start, by nohup, stays so.
func untilSignal(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	terminal, stopped, watched := hasTerminal(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case first := <-signals:
			cancel()
			letGo(signals, terminal && first == syscall.SIGHUP, stopped)
		case <-stopped:
		}
		signal.Stop(signals)
	}()
	return ctx, func() {
		cancel()
		close(stopped)
		<-watched
	}
}

// letGo gives the signals their own effect back, to end the process. After a
// hang-up SIGHUP gets it back later.
func letGo(signals chan os.Signal, hangUp bool, stopped <-chan struct{}) {
	signal.Reset(syscall.SIGINT, syscall.SIGTERM)
	if !hangUp {
		signal.Stop(signals)
	}
	raise(signals, hangUp)
	if hangUp {
		select {
		case <-time.After(hangUpTime):
		case <-stopped:
		}
	}
}

// raise sends this process again what was caught after the first signal.
func raise(signals <-chan os.Signal, hangUp bool) {
	for {
		select {
		case second := <-signals:
			if self, err := os.FindProcess(os.Getpid()); err == nil && !(hangUp && second == syscall.SIGHUP) {
				_ = self.Signal(second)
			}
		default:
			return
		}
	}
}

// hasTerminal reports whether the process has a terminal, whose end hangs it up.
func hasTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err == nil {
		_ = tty.Close()
	}
	return err == nil
}

// surviveLogReader lets the process live when the reader of its standard output
// or error goes away: Go would end it at the next line of the log, with the
// requests in flight. The lines are lost. Signals that are caught, rather than
// ignored, are no matter to programs that this one might start.
func surviveLogReader() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
