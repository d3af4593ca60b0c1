//go:build unix

package dbtest

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/transcription-api/internal/devdb"
)

// PgBouncer starts a PgBouncer in transaction mode before a database, with so many connections for all of its clients. It
// is told to ignore no start-up parameter, so it refuses those that it can't keep. More lines of its configuration win
// over these. It ends with the test.
//
// Its clients become the server's superuser, who can run programs, and every user of this machine reaches its port: so it
// wants a password that only this test knows.
func PgBouncer(t testing.TB, serverURL string, size int, more ...string) (url string) {
	t.Helper()
	program := Program(t, "pgbouncer", "pgbouncer")
	server, err := pgconn.ParseConfig(serverURL)
	if err != nil {
		t.Fatal(err)
	}
	user, dir, port, password := bouncerUser(t, server), openDir(t), FreePort(t), rand.Text()
	users := writeFor(t, user, filepath.Join(dir, "users"), fmt.Sprintf("%q %q\n", "app", password))
	ini := writeFor(t, user, filepath.Join(dir, "pgbouncer.ini"), bouncerINI(server, port, size)+"auth_file = "+users+"\n"+strings.Join(more, "\n")+"\n")
	startBouncer(t, exec.Command(program, ini), user, filepath.Join(dir, "log"))
	awaitListener(t, fmt.Sprintf("127.0.0.1:%d", port))
	return fmt.Sprintf("postgres://app:%s@127.0.0.1:%d/app?sslmode=disable", password, port)
}

func bouncerINI(server *pgconn.Config, port, size int) string {
	quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	database := fmt.Sprintf("app = host=%s port=%d dbname=%s user=%s", server.Host, server.Port, quoted(server.Database), quoted(server.User))
	if server.Password != "" {
		database += " password=" + quoted(server.Password)
	}
	return fmt.Sprintf("[databases]\n%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"+
		"auth_type = scram-sha-256\npool_mode = transaction\ndefault_pool_size = %d\n", database, port, size)
}

// writeFor writes a file that holds a password: nobody but the user reads it.
func writeFor(t testing.TB, user *syscall.Credential, path, text string) string {
	t.Helper()
	err := os.WriteFile(path, []byte(text), 0o600)
	if err == nil && user != nil {
		err = os.Chown(path, int(user.Uid), int(user.Gid))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// startBouncer runs it as the server's user: it refuses root.
func startBouncer(t testing.TB, cmd *exec.Cmd, user *syscall.Credential, log string) {
	t.Helper()
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	process, err := devdb.StartProcess(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Signal(syscall.SIGKILL)
		<-process.Done()
		out.Close()
		if text, err := os.ReadFile(log); t.Failed() {
			t.Logf("PgBouncer's log: %v\n%s", err, text)
		}
	})
}

// bouncerUser is the one who may enter the server's socket folder, else nobody; nil is this process's own user.
func bouncerUser(t testing.TB, server *pgconn.Config) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	if !strings.HasPrefix(server.Host, "/") {
		return &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	info, err := os.Stat(server.Host)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if owner.Uid == 0 {
		return nil
	}
	return &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
}

func awaitListener(t testing.TB, address string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
	}
	t.Fatal("PgBouncer does not listen")
}

// FreePort is one that nobody listens on just now.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// openDir is a folder that other users may enter: a server does not run as root.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "db-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
