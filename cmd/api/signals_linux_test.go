package main

import (
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	"example.com/transcription-api/internal/db/dbtest"
)

// terminal opens a pseudo-terminal: what holds master is its screen, what has slave runs in it.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	var number, locked int32
	for request, value := range map[uintptr]*int32{syscall.TIOCGPTN: &number, syscall.TIOCSPTLCK: &locked} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(unsafe.Pointer(value))); errno != 0 {
			t.Fatal(errno)
		}
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// TestTerminalCloses: the kernel sends SIGHUP and the shell does. That is one wish to stop, and no hurry.
func TestTerminalCloses(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	master, slave := terminal(t)
	p, lock, patch := blockedBy(t, map[string]string{}, func(env map[string]string) *process {
		p := &process{t: t, cmd: exec.Command(self), output: new(dbtest.Log), exited: make(chan struct{})}
		p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, p.output, p.output
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		p.run(t.TempDir(), env)
		slave.Close()
		return p
	})
	master.Close()
	p.signal(syscall.SIGHUP)
	p.await("draining")
	p.signal(syscall.SIGHUP)
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := <-patch; a.status != http.StatusOK {
		t.Errorf("the request in flight got %+v, want 200", a)
	}
	if status := p.status(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}
