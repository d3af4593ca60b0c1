//go:build unix

package devdb

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Process is a child that does not outlive this program, even if that is killed.
type Process struct {
	cmd    *exec.Cmd
	target int // of kill(2): the process or, negative, the group that it leads
	done   chan struct{}
}

// guard is a shell beside each child. It reads a pipe that only this program holds open and that ends, by SIGKILL too,
// when this program does. It works on every Unix, and reaches a whole group.
const guard = `trap '' HUP INT QUIT TERM
signal=$1
shift
read -r target || exit
read -r end
kill -"$signal" "$target"
[ $# -gt 0 ] || exit
n=50
while [ $((n -= 1)) -gt 0 ] && kill -0 "$target" 2>/dev/null; do sleep 0.1; done
rm -rf -- "$@"`

// StartProcess starts the command. If this program is killed, the command, with its group if it leads one, gets the
// signal, and the leftovers are removed after it.
func StartProcess(cmd *exec.Cmd, onOrphan syscall.Signal, leftovers ...string) (*Process, error) {
	args := append([]string{"-c", guard, "guard", strconv.Itoa(int(onOrphan))}, leftovers...)
	shell := exec.Command("/bin/sh", args...)
	shell.Dir = "/"
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what kills this program's group spares it
	pipe, err := shell.StdinPipe()
	if err == nil {
		err = shell.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("guard a process: %w", err)
	}
	if err := cmd.Start(); err != nil {
		_ = pipe.Close()
		_ = shell.Wait()
		return nil, err
	}
	p := &Process{cmd: cmd, target: cmd.Process.Pid, done: make(chan struct{})}
	if cmd.SysProcAttr != nil && cmd.SysProcAttr.Setpgid {
		p.target = -p.target
	}
	fmt.Fprintln(pipe, p.target)
	go func() {
		_ = cmd.Wait()           // how it ended is in ProcessState
		_ = shell.Process.Kill() // while the pipe is open: the number may belong to another process by now
		_ = shell.Wait()
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Signal sends a signal, to the group if the process leads one. One that has ended already is no error.
func (p *Process) Signal(sig syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(p.target, sig)
	}
}

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
func output(ctx context.Context, cmd *exec.Cmd, leftovers ...string) (string, error) {
	var out, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaint
	p, err := StartProcess(cmd, syscall.SIGTERM, leftovers...)
	if err != nil {
		return "", err
	}
	defer context.AfterFunc(ctx, func() { p.Signal(syscall.SIGTERM) })()
	code := p.ExitCode()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if code != 0 {
		return "", fmt.Errorf("%s: status %d: %s", filepath.Base(cmd.Path), code, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}
