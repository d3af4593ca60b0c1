// Package dbtest gives each test a PostgreSQL database of its own: New a migrated one, Empty one without any table.
// The server is the one in TEST_DATABASE_URL, never the one in DATABASE_URL: no test touches a developer's data.
// Starting a server is not done here; make test does it, by cmd/devdb.
//
// A database takes 22 ms when six tests ask at once, and 79 ms alone. github.com/peterldowns/pgtestdb, which clones through
// the WAL, takes 40 and 69 (PostgreSQL 15, two cores), and neither makes an empty one nor names it after its test.
package dbtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// New returns the URL of a migrated database that no other test uses. It is dropped after the test; if that failed, it is
// kept and its URL logged.
func New(t testing.TB) string {
	t.Helper()
	server := serverURL(t)
	template, err := migratedTemplate(t.Context(), server)
	if err != nil {
		t.Fatalf("make the migrated template: %v", err)
	}
	return create(t, server, template)
}

// Empty returns the URL of a database like New's, but without any table.
func Empty(t testing.TB) string {
	t.Helper()
	return create(t, serverURL(t), "template0")
}

// Connect connects to a database, to look at it from outside of what is tested. The connection closes after the test.
func Connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeConn(conn) })
	return conn
}

// Ask reads one value over a connection of its own, which it closes: tests that poll would otherwise use up the server's.
func Ask[T any](t testing.TB, url, query string, args ...any) (value T) {
	t.Helper()
	conn, err := connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn(conn)
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// Lines reads a column of texts.
func Lines(t testing.TB, url, query string) []string {
	t.Helper()
	rows, err := Connect(t, url).Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return list
}

// Exec runs one statement over a connection of its own.
func Exec(t testing.TB, url, sql string, args ...any) {
	t.Helper()
	if err := runSQL(t.Context(), url, sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// PoolSize is that of tests which choose none themselves. TEST_DB_POOL_SIZE=1 gives them a pool of one connection and no
// overflow: no session may need a second one.
func PoolSize(t testing.TB) (size, overflow int) {
	t.Helper()
	text := os.Getenv("TEST_DB_POOL_SIZE")
	if text == "" {
		return 5, 10
	}
	size, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("TEST_DB_POOL_SIZE: %v", err)
	}
	return size, 0
}

// serverURL never skips in silence: only -short says that a run without a database is meant.
func serverURL(t testing.TB) string {
	t.Helper()
	server := os.Getenv("TEST_DATABASE_URL")
	switch {
	case server != "":
	case testing.Short():
		t.Skip("needs PostgreSQL, and TEST_DATABASE_URL is not set")
	default:
		t.Fatal("TEST_DATABASE_URL is not set; this brings up a PostgreSQL and runs all tests: make test")
	}
	return server
}

// create clones a template. A copy of files costs less than one through the WAL where fsync is off.
func create(t testing.TB, server, template string) string {
	t.Helper()
	name := databaseName(t.Name())
	clone, err := withDatabase(server, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := cloneDatabase(t.Context(), server, name, template); err != nil {
		t.Fatalf("create the test's database: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the database is kept as long as the server: psql %q", clone)
			return
		}
		drop(t, server, name)
	})
	return clone
}

// drop disconnects whoever is left, as a test that ends by a panic or a leak would otherwise keep its database for good.
func drop(t testing.TB, server, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own context is over by now
	defer cancel()
	if err := runSQL(ctx, server, "DROP DATABASE "+quote(name)+" WITH (FORCE)"); err != nil {
		t.Errorf("drop the test's database: %v", err)
	}
}

// databaseName tells whose database it is and is unique: PostgreSQL cuts names at 63 bytes.
func databaseName(test string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(test))
	return fmt.Sprintf("t_%.40s_%s", plain, strings.ToLower(rand.Text()[:12]))
}

func withDatabase(server, name string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return "", fmt.Errorf("TEST_DATABASE_URL is not of the form postgres://user:password@host:port/database")
	}
	u.Path = "/" + name
	return u.String(), nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func runSQL(ctx context.Context, url, sql string, args ...any) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	_, err = conn.Exec(ctx, sql, args...)
	return err
}

// connect names the connection, so that tests which count those of a pool can leave it out: a backend is there a while
// longer than its client.
func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "dbtest"
	}
	return pgx.ConnectConfig(ctx, cfg)
}

// closeConn gives the server a moment for its goodbye, and no more: tests also connect to servers that hang.
func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
