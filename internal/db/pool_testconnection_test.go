package db_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// poolLog is a log that several goroutines may write and read.
type poolLog struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wrote func(line string) // called with each line; may be nil
}

func (l *poolLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wrote != nil {
		l.wrote(string(b))
	}
	return l.text.Write(b)
}

func (l *poolLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// poolLogged are options whose log is kept.
func poolLogged(url string) (db.Options, *poolLog) {
	log := &poolLog{}
	opts := poolOptions(url, 1, 0)
	opts.Logger = slog.New(slog.NewTextHandler(log, nil))
	return opts, log
}

// poolDeadAddress refuses connections.
func poolDeadAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestTestConnection_Attempts: k of n each, a delay between but none after the last: a stop, which ends a delay, finds none.
func TestTestConnection_Attempts(t *testing.T) {
	t.Parallel()
	const delay = 200 * time.Millisecond
	opts, log := poolLogged("postgres://user:hunter2@" + poolDeadAddress(t) + "/none?sslmode=disable")
	ctx, stop := context.WithCancelCause(t.Context())
	why := errors.New("stopped in a delay")
	log.wrote = func(line string) {
		if strings.Contains(line, "attempt 2 of 2") {
			stop(why)
		}
	}
	start := time.Now()
	err := db.TestConnection(ctx, opts, 2, delay)
	if took := time.Since(start); took < delay {
		t.Errorf("2 attempts took %v, want one delay of %v", took, delay)
	}
	if err == nil || errors.Is(err, why) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	text := log.String()
	if strings.Count(text, "attempt") != 2 || !strings.Contains(text, "attempt 1 of 2") || !strings.Contains(text, "attempt 2 of 2") {
		t.Errorf("log:\n%s", text)
	}
	if strings.Contains(text, "hunter2") {
		t.Errorf("the password is in the log:\n%s", text)
	}
}

// TestTestConnection_Recovers: an attempt that succeeds ends the test; no connection stays.
func TestTestConnection_Recovers(t *testing.T) {
	t.Parallel()
	server := dbtest.Things(t)
	proxy := dbtest.NewProxy(t, server)
	proxy.Refuse()
	opts, log := poolLogged(proxy.URL())
	result := make(chan error, 1)
	go func() { result <- db.TestConnection(t.Context(), opts, 1000, 20*time.Millisecond) }()
	dbtest.Eventually(t, "the third attempt", func() bool { return strings.Contains(log.String(), "attempt 3 of 1000") })
	proxy.Pass()
	if err := <-result; err != nil {
		t.Error(err)
	}
	p := &poolUnderTest{t: t, watcher: dbtest.Connect(t, server)}
	dbtest.Eventually(t, "no connection is left", func() bool { return len(p.backends()) == 0 })
}

// poolWith changes a part of a URL.
func poolWith(t *testing.T, server string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

// TestTestConnection_Permanent: what will not change is not tried again.
func TestTestConnection_Permanent(t *testing.T) {
	t.Parallel()
	server := dbtest.Things(t)
	wrongPassword, _ := poolPasswordServer(t)
	for name, c := range map[string]struct{ url, code string }{
		"unknown database": {poolWith(t, server, func(u *url.URL) { u.Path = "/no_such_database" }), "3D000"},
		"unknown role":     {poolWith(t, server, func(u *url.URL) { u.User = url.UserPassword("nobody_here", "hunter2") }), "28000"},
		"wrong password":   {wrongPassword, "28P01"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts, log := poolLogged(c.url)
			err := db.TestConnection(t.Context(), opts, 5, time.Second)
			var pg *pgconn.PgError
			if !errors.As(err, &pg) || pg.Code != c.code {
				t.Errorf("error %v, want %s", err, c.code)
			}
			if text := log.String(); strings.Count(text, "attempt") != 1 || strings.Contains(text+err.Error(), "hunter2") {
				t.Errorf("error %v, log:\n%s", err, text)
			}
		})
	}
}

// TestTestConnection_MissingSchema: of the URL or of its options; one that is there is enough.
func TestTestConnection_MissingSchema(t *testing.T) {
	t.Parallel()
	server := dbtest.Things(t)
	for query, missing := range map[string]bool{
		"search_path=none_such": true, "search_path=": true, "options=-c%20search_path%3Dnone_such": true,
		"search_path=none_such,public": false, "search_path=pg_catalog": false,
	} {
		opts, log := poolLogged(server + "&" + query)
		err := db.TestConnection(t.Context(), opts, 5, time.Second)
		told := err != nil && strings.HasPrefix(err.Error(), "test connection: no schema of the search_path ")
		if told != missing || err != nil && !missing || strings.Contains(log.String(), "attempt 2") {
			t.Errorf("%s: %v, log:\n%s", query, err, log)
		}
	}
}

// TestTestConnection_SeveralHosts: without target_session_attrs the first that answers is taken, which may be a standby.
func TestTestConnection_SeveralHosts(t *testing.T) {
	t.Parallel()
	cfg, err := pgconn.ParseConfig(dbtest.Things(t))
	if err != nil {
		t.Fatal(err)
	}
	server := fmt.Sprintf("user=%s password='%s' dbname=%s sslmode=disable ", cfg.User, cfg.Password, cfg.Database)
	one := fmt.Sprintf("host=%s port=%d", cfg.Host, cfg.Port)
	two := fmt.Sprintf("host=%s,%[1]s port=%d,%d", cfg.Host, cfg.Port, cfg.Port+1)
	for params, warned := range map[string]bool{
		one: false, two: true, two + " target_session_attrs=any": true, two + " target_session_attrs=read-write": false,
	} {
		opts, log := poolLogged(server + params)
		if err := db.TestConnection(t.Context(), opts, 1, 0); err != nil {
			t.Errorf("%s: %v", params, err)
		}
		if told := strings.Contains(log.String(), "names several hosts"); told != warned {
			t.Errorf("%s: log:\n%s", params, log)
		}
	}
}

// TestTestConnection_Hangs: a log-in without an answer gets ConnectTimeout, and a caller that gives up none.
func TestTestConnection_Hangs(t *testing.T) {
	t.Parallel()
	proxy := dbtest.NewProxy(t, dbtest.Things(t))
	proxy.Ignore()
	opts, log := poolLogged(proxy.URL())
	opts.ConnectTimeout = time.Second
	start := time.Now()
	err := db.TestConnection(t.Context(), opts, 1, poolPatience)
	if took := time.Since(start); err == nil || took < time.Second || took > poolPatience {
		t.Errorf("after %v: %v", took, err)
	}
	if !strings.Contains(log.String(), "attempt 1 of 1") {
		t.Errorf("log:\n%s", log)
	}

	opts.ConnectTimeout = 2 * poolPatience
	why := errors.New("told to stop")
	for _, fault := range []func(){proxy.Ignore, proxy.Refuse} { // in an attempt, and between two
		fault()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(why) })
		start = time.Now()
		if err := db.TestConnection(ctx, opts, 2, 2*poolPatience); !errors.Is(err, why) || time.Since(start) > poolPatience {
			t.Errorf("after %v: %v, want %v", time.Since(start), err, why)
		}
	}
}

// TestTestConnection_WithoutLog: Logger may be nil, as for Open.
func TestTestConnection_WithoutLog(t *testing.T) {
	t.Parallel()
	opts := poolOptions("postgres://user@"+poolDeadAddress(t)+"/none?sslmode=disable", 1, 0)
	if err := db.TestConnection(t.Context(), opts, 2, time.Millisecond); err == nil {
		t.Error("connected to nothing")
	}
}
