//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
)

func TestStatusIsTheCommands(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want int
	}{
		{[]string{"-throwaway", "--", "sh", "-c", "exit 7"}, 7},
		{[]string{"-throwaway", "true"}, 0},
		{[]string{"-throwaway", "--", "sh", "-c", "kill -KILL $$"}, 137},
		{[]string{"--", "no-such-program"}, 127},
		{nil, 2},
		{[]string{"-no-such-flag"}, 2},
		{[]string{"-h"}, 0},
	} {
		cmd := devdbCommand(t, nil, test.args...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != test.want {
			t.Errorf("%q: status %d, want %d\n%s", test.args, got, test.want, out)
		}
	}
}

// TestNarrowUmask: root's server is another user, and has to reach its data all the same.
func TestNarrowUmask(t *testing.T) {
	t.Parallel()
	cmd := devdbCommand(t, nil, "-dir", filepath.Join(tempDir(t), "deep", "below"), "--", "true")
	cmd.Args = append([]string{"sh", "-c", `umask 077; exec "$0" "$@"`}, cmd.Args...)
	cmd.Path = "/bin/sh"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestURLThatIsSet: with one in the environment or in .env nothing is started, and for throw-away servers it does not count.
func TestURLThatIsSet(t *testing.T) {
	t.Parallel()
	show := []string{"--", "sh", "-c", "echo url=$THE_URL; exit 3"}
	for _, test := range []struct {
		name    string
		environ []string
		dotenv  string
		args    []string
		want    string
	}{
		{"environment", []string{"THE_URL=mine"}, "THE_URL=other", nil, "url=mine\n"},
		{".env", nil, "# mine\nTHE_URL=\"from file\"\n", nil, "url=from file\n"},
		{"byte order mark", nil, "\ufeffTHE_URL=file\r\n", nil, "url=file\n"},
		{"a part from the environment", []string{"PART=mine"}, "THE_URL=from ${PART}\n", nil, "url=from mine\n"},
		{"empty in the environment", []string{"THE_URL="}, "THE_URL=other\n", []string{"-dir", "data"}, "url=postgres://"},
		{"empty in both", []string{"THE_URL="}, "THE_URL=\n", []string{"-throwaway"}, "url=postgres://postgres@/"},
		{"throw-away", []string{"THE_URL=mine"}, "THE_URL=other", []string{"-throwaway"}, "url=postgres://postgres@/"},
	} {
		cmd := devdbCommand(t, test.environ, append(append([]string{"-env", "THE_URL"}, test.args...), show...)...)
		write(t, filepath.Join(cmd.Dir, ".env"), test.dotenv)
		out, _ := cmd.Output()
		if code := cmd.ProcessState.ExitCode(); code != 3 || !strings.HasPrefix(string(out), test.want) {
			t.Errorf("%s: status %d, %q, want %q", test.name, code, out, test.want)
		}
	}
}

// TestBadDotenv: what the API refuses is refused here too, before a server is started, and not shown.
func TestBadDotenv(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ dotenv, want string }{
		{"PASSWORD hunter2\n", ".env: line 1 is not NAME=value"},
		{"PORT=1\nDATABASE_URL=postgres://u:hunter2$Zhunter2@h/db\n", ".env: line 2: a $ in the value of DATABASE_URL "},
		{"API_KEYS=$hunter2\n", ".env: line 1: a $ in the value of API_KEYS "},
	} {
		cmd := devdbCommand(t, nil, "true")
		write(t, filepath.Join(cmd.Dir, ".env"), test.dotenv)
		out, _ := cmd.CombinedOutput()
		text := string(out)
		if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(text, test.want) || strings.Contains(text, "hunter2") {
			t.Errorf("%q: status %d: %s", test.dotenv, code, out)
		}
	}
}

// TestSignalArrivesOnce: whether it was for devdb alone, as by kill, or for the group, as by timeout, or both, as when make
// passes on what it got itself; and before the server ends.
func TestSignalArrivesOnce(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		for name, times := range map[string]struct{ alone, group int }{"kill": {1, 0}, "timeout": {0, 1}, "make": {1, 1}} {
			t.Run(fmt.Sprint(sig, " by ", name), func(t *testing.T) {
				t.Parallel()
				l := launch(t, "-throwaway")
				start := time.Now()
				for range times.alone {
					_ = l.cmd.Process.Signal(sig)
					time.Sleep(20 * time.Millisecond) // two that wait at the same time are one
				}
				for range times.group {
					_ = syscall.Kill(-l.cmd.Process.Pid, sig)
				}
				slow := time.Since(start) > oneSignal/2
				if got, want := l.line(), fmt.Sprint(sig, " came 1 times; drained: true"); got != want && !slow {
					t.Errorf("the command says %q, want %q", got, want)
				}
				if code := l.status(); code != 5 {
					t.Errorf("status %d, want the command's", code)
				}
				l.gone(t)
			})
		}
	}
}

// TestKilledLauncher: SIGKILL of devdb takes both along, and the next start finds the data and no obstacle, at once.
func TestKilledLauncher(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	for range 3 {
		l := launch(t, "-dir", dir)
		if err := l.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		l.status()
		next := launch(t, "-dir", dir)
		if !exists(next.socket) {
			t.Error("the next server has lost its socket")
		}
		dbtest.Eventually(t, "the end of the server before", func() bool { return !alive(l.postgres) })
		dbtest.Eventually(t, "the end of the command", func() bool { return !alive(l.command) })
		if err := next.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := next.status(); code != 5 {
			t.Errorf("the next run: status %d\n%s", code, next.stderr)
		}
	}
}

func TestKilledThrowawayLauncher(t *testing.T) {
	t.Parallel()
	l := launch(t, "-throwaway")
	if err := l.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	l.status()
	l.gone(t)
	dbtest.Eventually(t, "the end of its folders", func() bool { return !exists(filepath.Dir(l.data)) && !exists(l.socket) })
}

func TestKilledCommand(t *testing.T) {
	t.Parallel()
	l := launch(t, "-throwaway")
	if err := syscall.Kill(l.command, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := l.status(); code != 137 {
		t.Errorf("status %d, want 137\n%s", code, l.stderr)
	}
	l.gone(t)
}

func TestKilledPostgres(t *testing.T) {
	t.Parallel()
	l := launch(t, "-dir", tempDir(t))
	if err := syscall.Kill(l.postgres, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := l.status(); code != 1 || !strings.Contains(l.stderr.String(), "postgres ended before the command") {
		t.Errorf("status %d\n%s", code, l.stderr)
	}
	l.gone(t)
}

// TestTwoLaunchers, as make psql beside make run: the second command uses the first one's server, which lives on.
func TestTwoLaunchers(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	first, second := launch(t, "-dir", dir), launch(t, "-dir", dir)
	if second.postgres != first.postgres {
		t.Errorf("two servers, %d and %d", first.postgres, second.postgres)
	}
	if want := fmt.Sprintf("shares the PostgreSQL of process %d,", first.cmd.Process.Pid); !strings.Contains(second.stderr.String(), want) {
		t.Errorf("%q is not in %s", want, second.stderr)
	}
	for _, l := range []*launcher{second, first} {
		_ = l.cmd.Process.Signal(syscall.SIGTERM)
		if got := l.line(); got != "terminated came 1 times; drained: true" {
			t.Errorf("the command says %q", got)
		}
		l.status()
	}
	first.gone(t)
}

// TestAsAnotherUser runs all as nobody, who shares nothing with root: neither the build's folder nor the data's.
func TestAsAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user; the other tests ran as a user who is not root")
	}
	const nobody = 65534
	dir := tempDir(t)
	self := filepath.Join(dir, "devdb")
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	write(t, self, string(text))
	cmd := devdbCommand(t, []string{"HOME=" + dir, "PWD="}, "--", "env", "DEVDB_TEST_ROLE=command", self)
	cmd.Path, cmd.Args[0] = self, self
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	if err := os.Chown(cmd.Dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	l := launchCommand(t, cmd)
	info, err := os.Stat(filepath.Join(cmd.Dir, ".devdb", "data"))
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != nobody {
		t.Errorf("the data: %v, %v", info, err)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if code := l.status(); code != 5 {
		t.Errorf("status %d\n%s", code, l.stderr)
	}
	l.gone(t)
}
