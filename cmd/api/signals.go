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
	ends, hangUps := make(chan os.Signal, 8), make(chan os.Signal, 8)
	signal.Notify(ends, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(hangUps, syscall.SIGHUP)
	}
	terminal, stopped, watched := hasTerminal(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ends:
			cancel()
			letGo(ends)
		case <-hangUps:
			cancel()
			letGo(ends)
			if terminal {
				sayAgain(stopped)
				drain(hangUps)
			}
		case <-stopped:
		}
		letGo(ends)
		letGo(hangUps)
	}()
	return ctx, func() {
		cancel()
		close(stopped)
		<-watched
	}
}

// sayAgain waits for as long as a terminal may repeat its SIGHUP.
func sayAgain(stopped <-chan struct{}) {
	select {
	case <-time.After(hangUpTime):
	case <-stopped:
	}
}

func drain(signals <-chan os.Signal) {
	for len(signals) > 0 {
		<-signals
	}
}

// letGo gives the signals of a channel their own effect back, to end the process,
// and sends this process again what was caught meanwhile. Stop, unlike Reset, loses
// none that is on its way to the channel.
func letGo(signals chan os.Signal) {
	signal.Stop(signals)
	for len(signals) > 0 {
		second := <-signals
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Signal(second)
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
