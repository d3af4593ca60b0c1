package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/config/dotenv"
	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// backgroundMain is the program, whose things have hooks: which one, their title says.
func backgroundMain() {
	p := program{stdout: os.Stdout, stderr: os.Stderr, api: func(o app.Options) (http.Handler, error) {
		err := o.DB.WithSession(context.Background(), func(tx *gorm.DB) error {
			return tx.Callback().Create().After("gorm:create").Register("test:hook", func(tx *gorm.DB) { addHook(o.DB, tx) })
		})
		if err != nil {
			return nil, err
		}
		return webtest.New(o)
	}}
	os.Exit(exitStatus(p.run(context.Background(), os.Args[1:], dotenv.Read), os.Stderr))
}

func addHook(conn *db.DB, tx *gorm.DB) {
	_, kind, _ := strings.Cut(fmt.Sprint(tx.Statement.ReflectValue.FieldByName("Title")), "hook: ")
	hooks := map[string]func(context.Context){
		"Go":        func(ctx context.Context) { conn.Go(ctx, lateWork(conn)) },
		"goroutine": func(ctx context.Context) { go func() { _ = lateWork(conn)(ctx) }() },
		"itself":    func(ctx context.Context) { _ = lateWork(conn)(ctx) },
		"panic":     func(ctx context.Context) { conn.Go(ctx, lateWork(conn)); panic("of the hook") },
		"endless":   func(ctx context.Context) { conn.Go(ctx, func(context.Context) error { select {} }) },
	}
	if hook := hooks[kind]; hook != nil {
		_ = tx.AddError(db.AfterCommit(tx, hook))
	}
}

// lateWork waits for the lock of the test, then writes a row.
func lateWork(conn *db.DB) func(context.Context) error {
	return func(ctx context.Context) error {
		return conn.WithSession(ctx, func(tx *gorm.DB) error {
			return errors.Join(tx.Exec("SELECT pg_advisory_xact_lock(4)").Error,
				tx.Exec("INSERT INTO test_things (title, link) VALUES ('late', 'https://example.com/a.wav')").Error)
		})
	}
}

// late is a program with background work that waits for a lock.
type late struct {
	*process
	url  string
	lock *pgx.Conn
}

// startLate posts a thing with such a hook: the client has its whole answer while the hook's work waits.
func startLate(t *testing.T, kind string, env map[string]string) *late {
	t.Helper()
	l := &late{url: dbtest.Things(t)}
	l.lock = dbtest.Connect(t, l.url)
	if _, err := l.lock.Exec(t.Context(), "SELECT pg_advisory_lock(4)"); err != nil {
		t.Fatal(err)
	}
	env["API_TEST_RUN_MAIN"], env["DATABASE_URL"] = "background", l.url
	l.process = start(t, env)
	body := strings.Replace(newThing, "Interview", "hook: "+kind, 1)
	created, err := send(t.Context(), http.DefaultClient, http.MethodPost, l.process.url()+"/things", body)
	if err != nil || created.status != http.StatusCreated {
		t.Fatalf("POST /things: %+v %v", created, err)
	}
	if kind != "endless" {
		l.until("the work waits for the lock", func() bool { return l.waiting() == 1 })
	}
	return l
}

func (l *late) waiting() (n int) {
	l.t.Helper()
	return l.ask("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'")
}

func (l *late) ask(query string) (n int) {
	l.t.Helper()
	if err := l.lock.QueryRow(l.t.Context(), query).Scan(&n); err != nil {
		l.t.Fatal(err)
	}
	return n
}

func (l *late) rows() int { return l.ask("SELECT count(*) FROM test_things WHERE title = 'late'") }

func (l *late) release() {
	l.t.Helper()
	if _, err := l.lock.Exec(l.t.Context(), "SELECT pg_advisory_unlock(4)"); err != nil {
		l.t.Fatal(err)
	}
}

// TestBackgroundWorkIsFinished: the listener is closed, no request is left, and the process lives until the work is done.
func TestBackgroundWorkIsFinished(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Go", "goroutine", "itself", "panic"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := startLate(t, kind, map[string]string{})
			address := strings.TrimPrefix(l.process.url(), "http://")
			l.signal(syscall.SIGTERM)
			l.until("the listener closes", func() bool {
				conn, err := net.Dial("tcp", address)
				if err == nil {
					conn.Close()
				}
				return err != nil
			})
			select {
			case <-l.exited:
				t.Fatal("did not wait")
			case <-time.After(2 * time.Second): // more than the pool once had
			}
			if n := l.waiting(); n != 1 {
				t.Errorf("%d wait for the lock, want 1", n)
			}
			l.release()
			if status := l.status(); status != 0 {
				t.Errorf("exit status %d, want 0", status)
			}
			if n := l.rows(); n != 1 {
				t.Errorf("%d rows, want 1", n)
			}
			if kind == "panic" && !strings.Contains(l.output.String(), "after-commit hook panicked") {
				t.Error("the panic is not logged")
			}
		})
	}
}

// TestBackgroundWorkIsCutOff: what does not end is rolled back, is told, and makes the exit status 1; also where it heeds no context.
func TestBackgroundWorkIsCutOff(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Go", "goroutine", "itself", "endless"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := startLate(t, kind, map[string]string{"SHUTDOWN_TIMEOUT": "0.5"})
			l.signal(syscall.SIGTERM)
			if status := l.status(); status != 1 {
				t.Errorf("exit status %d, want 1", status)
			}
			if !strings.Contains(l.output.String(), `level=ERROR msg="background work cut off`) {
				t.Error("it is not logged")
			}
			if n := l.waiting(); n != 0 {
				t.Errorf("%d still wait for the lock", n)
			}
			l.release()
			if n := l.rows(); n != 0 {
				t.Errorf("%d rows, want none", n)
			}
		})
	}
}

// TestKeepAliveTimeout: then a connection without a request is closed.
func TestKeepAliveTimeout(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"DATABASE_URL": dbtest.Things(t), "KEEP_ALIVE_TIMEOUT": "0.2", "ADMIN_ADDR": "127.0.0.1:0"})
	for _, address := range []string{p.url(), p.await(`admin=(http://\S+)`)[1]} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := conn.Write([]byte("GET /health/live HTTP/1.1\r\nHost: test\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		answer := bufio.NewReader(conn)
		response, err := http.ReadResponse(answer, nil)
		if err != nil || response.Close {
			t.Fatalf("%+v %v", response, err)
		}
		if _, err := bufio.NewReader(response.Body).WriteTo(new(dbtest.Log)); err != nil {
			t.Fatal(err)
		}
		if _, err := answer.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v, want the end of the connection", address, err)
		}
	}
}
