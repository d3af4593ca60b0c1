//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestMain lets the test binary also be devdb itself, and a command that is run by it.
func TestMain(m *testing.M) {
	switch os.Getenv("DEVDB_TEST_ROLE") {
	case "devdb":
		os.Unsetenv("DEVDB_TEST_ROLE")
		main()
	case "command":
		os.Exit(command(os.Getenv("DATABASE_URL"), os.Stdout))
	}
	// What is caught here has its own effect in the processes that are started, also where nohup or & run the tests.
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	os.Exit(m.Run())
}

// command stands for the API: it connects, says who it is, counts the signals it gets, and needs the database to the end.
func command(url string, out io.Writer) int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		fmt.Fprintln(out, err)
		return 1
	}
	var postmaster int
	var data string
	sql := "SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)::int, current_setting('data_directory')"
	if err := conn.QueryRow(ctx, sql).Scan(&postmaster, &data); err != nil {
		fmt.Fprintln(out, err)
		return 1
	}
	fmt.Fprintln(out, "ready", os.Getpid(), postmaster, conn.Config().Host, data)
	first := <-signals
	count := 1
	for quiet := time.After(3 * oneSignal / 2); ; {
		select {
		case <-signals:
			count++
			continue
		case <-quiet:
		}
		break
	}
	_, err = conn.Exec(ctx, "SELECT 'the last work'")
	fmt.Fprintf(out, "%v came %d times; drained: %v\n", first, count, err == nil)
	return 5
}

// TestSignalBeforeTheCommand: a signal that came before there was a command is not lost: the terminal has told nobody else.
func TestSignalBeforeTheCommand(t *testing.T) {
	t.Parallel()
	signals := make(chan os.Signal, 1)
	signals <- os.Interrupt
	began := filepath.Join(t.TempDir(), "began")
	if code, err := attend(exec.Command("touch", began), "A=b", nil, signals); code != 128+int(syscall.SIGINT) || err != nil {
		t.Errorf("%d, %v", code, err)
	}
	if _, err := os.Stat(began); err == nil {
		t.Error("the command was started")
	}
}

// launcher is a devdb of its own with a command that waits.
type launcher struct {
	cmd               *exec.Cmd
	out               *bufio.Reader
	stderr            *dbtest.Log
	command, postgres int // process numbers
	socket, data      string
}

// tempDir is a folder that the server's user can pass through; testing's own is closed to others.
func tempDir(t *testing.T) string {
	t.Helper()
	base := "/dev/shm" // in memory, where there is such a folder: the servers need not wait for the disk
	if syscall.Access(base, 2) != nil {
		base = os.TempDir()
	}
	dir, err := os.MkdirTemp(base, "devdb-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dbtest.Eventually(t, "remove "+dir, func() bool { return os.RemoveAll(dir) == nil }) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// devdbCommand runs devdb in a folder without .env and in a process group of its own, as a shell would.
func devdbCommand(t *testing.T, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a PostgreSQL of its own")
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = tempDir(t)
	cmd.Env = append(append(os.Environ(), "DATABASE_URL="), environ...)
	cmd.Env = append(cmd.Env, "DEVDB_TEST_ROLE=devdb", "GORACE=atexit_sleep_ms=0") // the race detector sleeps for 1 s
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// launch starts devdb and returns when its command is connected.
func launch(t *testing.T, args ...string) *launcher {
	t.Helper()
	return launchCommand(t, launchArgs(t, args...))
}

// launchArgs has devdb run a command that waits.
func launchArgs(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	return devdbCommand(t, nil, append(args, "--", "env", "DEVDB_TEST_ROLE=command", self)...)
}

func launchCommand(t *testing.T, cmd *exec.Cmd) *launcher {
	t.Helper()
	l := &launcher{cmd: cmd, stderr: new(dbtest.Log)}
	// A pipe of our own: what Wait would close may still be held by a process that outlives devdb.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = w, l.stderr, 5*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if t.Failed() && l.command != 0 { // it may have been left behind
			_ = syscall.Kill(l.command, syscall.SIGKILL)
		}
	})
	l.out = bufio.NewReader(r)
	line := l.line()
	if _, err := fmt.Sscanf(line, "ready %d %d %s %s", &l.command, &l.postgres, &l.socket, &l.data); err != nil {
		t.Fatalf("the command says %q\n%s", line, l.stderr)
	}
	return l
}

func (l *launcher) line() string {
	line, _ := l.out.ReadString('\n') // at the end of the output the line is short, and says so
	return strings.TrimSpace(line)
}

// status waits for devdb's end.
func (l *launcher) status() int {
	_ = l.cmd.Wait()
	return l.cmd.ProcessState.ExitCode()
}

// alive: a zombie is dead, though its number still is in use; in some containers nobody clears it away.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	if _, ended := errors.AsType[*exec.ExitError](err); ended {
		return false // it has gone meanwhile
	}
	return err != nil || !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

func (l *launcher) gone(t *testing.T) {
	t.Helper()
	dbtest.Eventually(t, "the end of postgres", func() bool { return !alive(l.postgres) })
	dbtest.Eventually(t, "the end of the command", func() bool { return !alive(l.command) })
	dbtest.Eventually(t, "the end of the socket", func() bool { return !exists(filepath.Join(l.socket, ".s.PGSQL.5432")) })
}

// write makes a file that every user may read and run.
func write(t *testing.T, path, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
