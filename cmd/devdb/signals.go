//go:build unix

package main

import (
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

// relayed are the signals that the command gets and devdb survives, to end the server after the command. What is ignored
// already stays so: nohup and & set that for devdb and its children alike.
func relayed() []os.Signal {
	all := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
	return slices.DeleteFunc(all, signal.Ignored)
}

// errServerEnded is what becomes of the command's run when its server ends by itself.
var errServerEnded = errors.New("postgres ended before the command did, which was told to end, too")

// attend runs the command to its end and passes signals on.
func attend(cmd *exec.Cmd, server *devdb.Server, signals <-chan os.Signal) (int, error) {
	r := &relay{signals: signals}
	defer r.removeCanary()
	r.placeCanary()
	child, err := devdb.StartProcess(cmd, syscall.SIGTERM)
	if err != nil {
		return statusFailed, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	r.child = child
	down := server.Done()
	for {
		select {
		case <-child.Done():
			if down == nil {
				return statusFailed, fmt.Errorf("%w; its log is %s", errServerEnded, server.LogFile())
			}
			return child.ExitCode(), nil
		case <-down:
			child.Signal(syscall.SIGTERM)
			down = nil
		case sig := <-signals:
			r.pass(sig)
		}
	}
}

// relay passes a signal on to the command exactly once; at a second one the API would stop at once, without draining.
//
// The terminal's Ctrl-C, timeout(1) and many supervisors signal the whole process group: then the command, which stays in
// it to keep the use of the terminal, has its signal already. kill(1) signals devdb alone. A signal does not say which of the
// two it is, so a canary is in the group, too: if it died, the command got its signal.
type relay struct {
	signals <-chan os.Signal
	child   *devdb.Process
	canary  *devdb.Process // nil: there is none, and all is passed on
	leash   io.Closer      // the canary lives as long as this is open
}

// window is how long a signal to the group may take to reach all its members, even on a busy machine. Signals of the
// same kind within it count as one.
const window = 250 * time.Millisecond

func (r *relay) pass(sig os.Signal) {
	kinds := []os.Signal{sig}
	for over := time.After(window); ; {
		select {
		case <-r.child.Done():
			return
		case sig := <-r.signals:
			if !slices.Contains(kinds, sig) {
				kinds = append(kinds, sig)
			}
		case <-over:
			r.decide(kinds)
			return
		}
	}
}

func (r *relay) decide(kinds []os.Signal) {
	if r.canary != nil && ended(r.canary) {
		r.removeCanary()
		r.placeCanary()
		return
	}
	for _, sig := range kinds {
		r.child.Signal(sig)
	}
}

// placeCanary puts cat into the group, which waits for input and dies of each signal that is relayed.
func (r *relay) placeCanary() {
	cmd := exec.Command("cat")
	leash, err := cmd.StdinPipe()
	if err != nil {
		return
	}
	canary, err := devdb.StartProcess(cmd, syscall.SIGKILL)
	if err != nil {
		return // without a canary all signals are passed on: one too many is better than none
	}
	r.canary, r.leash = canary, leash
}

func (r *relay) removeCanary() {
	if r.canary == nil {
		return
	}
	_ = r.leash.Close()
	r.canary.Signal(syscall.SIGKILL)
	<-r.canary.Done()
	r.canary = nil
}

func ended(p *devdb.Process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}
