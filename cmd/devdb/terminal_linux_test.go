package main

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTerminal: the command can read the keyboard, and gets Ctrl-C once, from the terminal.
func TestTerminal(t *testing.T) {
	t.Parallel()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()

	cmd := launchArgs(t, "-throwaway")
	cmd.Stdin = terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	l := launchCommand(t, cmd)
	if group, err := syscall.Getpgid(l.command); group != cmd.Process.Pid || err != nil {
		t.Errorf("the command is in group %d, %v, not in that of the terminal, %d", group, err, cmd.Process.Pid)
	}
	if _, err := keyboard.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	if got, want := l.line(), "interrupt came 1 times; drained: true"; got != want {
		t.Errorf("the command says %q, want %q", got, want)
	}
	if code := l.status(); code != 5 {
		t.Errorf("status %d, want the command's", code)
	}
	l.gone(t)
}
