package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestLogOnTerminal: the short lines are for people at a terminal, in dev, in colour unless they want none.
func TestLogOnTerminal(t *testing.T) {
	t.Parallel()
	const green = "\x1b[32mINF\x1b[0m"
	for name, test := range map[string]struct{ variable, value, want string }{
		"colours":       {"TERM", "xterm", green + " listening \x1b[90murl=\x1b[0mhttp://127.0.0.1:"},
		"NO_COLOR":      {"NO_COLOR", "1", " INF listening url=http://127.0.0.1:"},
		"dumb terminal": {"TERM", "dumb", " INF listening url=http://127.0.0.1:"},
		"production":    {"ENVIRONMENT", "production", `"level":"INFO","msg":"listening","url":"http://127.0.0.1:`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			screen, terminal := openTerminal(t)
			env := map[string]string{"DATABASE_URL": dbtest.Things(t), "HOST": "127.0.0.1", "SHUTDOWN_DELAY": "0", test.variable: test.value}
			p := startWith(t, env, terminal)
			var shown dbtest.Log
			go func() { _, _ = io.Copy(&shown, screen) }()
			p.until("it listens", func() bool {
				return strings.Contains(shown.String(), "listening") && strings.Contains(shown.String(), test.want)
			})
			if coloured := strings.Contains(shown.String(), "\x1b"); coloured != (name == "colours") {
				t.Errorf("colours are shown: %t\n%q", coloured, shown.String())
			}
			p.signal(syscall.SIGTERM)
			if status := p.status(); status != 0 {
				t.Errorf("exit status %d", status)
			}
		})
	}
}

// openTerminal makes one, with who sits before it.
func openTerminal(t *testing.T) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return screen, terminal
}
