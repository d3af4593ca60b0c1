//go:build unix

package devdb

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Process is a child that does not outlive this program, however that ends.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// StartProcess starts the command; it gets the signal when this program dies without having waited for it.
func StartProcess(cmd *exec.Cmd, onOrphan syscall.Signal) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.own(onOrphan, started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// own starts the process and waits for its end on one and the same thread: Linux takes the end of the thread that
// forked for the death of the parent, and Go ends threads as it likes unless a goroutine holds them.
func (p *Process) own(onOrphan syscall.Signal, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	untie, err := startTied(p.cmd, onOrphan)
	started <- err
	if err != nil {
		return
	}
	_ = p.cmd.Wait() // how it ended is in ProcessState
	untie()
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal; a process that has ended already is no error, since it may do so at any time.
func (p *Process) Signal(sig os.Signal) { _ = p.cmd.Process.Signal(sig) }

// ExitCode waits for the end and returns the status as a shell counts it: 128 + n for a death by signal n.
func (p *Process) ExitCode() int {
	<-p.done
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// output runs a command to its end and returns what it wrote; what it complained about is part of the error.
func output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var out, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaint
	cmd.WaitDelay = time.Second // a grandchild may hold the pipes after the child was killed
	p, err := StartProcess(cmd, syscall.SIGKILL)
	if err != nil {
		return "", err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Signal(syscall.SIGKILL)
		<-p.Done()
		return "", context.Cause(ctx)
	}
	if code := p.ExitCode(); code != 0 {
		return "", fmt.Errorf("%s: status %d: %s", filepath.Base(cmd.Path), code, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}
