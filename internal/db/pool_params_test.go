//go:build unix

package db_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// poolQuery adds parameters to a URL.
func poolQuery(serverURL, query string) string {
	if strings.Contains(serverURL, "?") {
		return serverURL + "&" + query
	}
	return serverURL + "?" + query
}

// TestPool_URLWins: what the URL says, as a parameter or in its options, counts more than the pool's settings.
func TestPool_URLWins(t *testing.T) {
	t.Parallel()
	server := dbtest.New(t)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	instance := fmt.Sprintf("transcription-api %s:%d", host, os.Getpid())
	for query, want := range map[string]string{
		"":                     "30s 1min transcription-api",
		"statement_timeout=5s": "5s 1min transcription-api",
		"Statement_Timeout=5s&application_name=me":                              "5s 1min me",
		"options=-c%20statement_timeout%3D5s":                                   "5s 1min transcription-api",
		"options=-cidle_in_transaction_session_timeout%3D7000":                  "30s 7s transcription-api",
		"options=--statement_timeout%3D5s%20-c%20application_name%3Dby%5C%20me": "5s 1min by me",
		"options=--Statement-Timeout%3D5%5C%20s":                                "5s 1min transcription-api",
		"statement_timeout=0":                                                   "0 1min transcription-api",
		"options=-c%20statement_timeout%3D5s&statement_timeout=6s":              "6s 1min transcription-api",
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			want := strings.Replace(want, "transcription-api", instance, 1)
			opts := poolOptions(poolQuery(server, query), 1, 0)
			opts.StatementTimeout, opts.IdleInTransactionTimeout = 30*time.Second, time.Minute
			p := poolOpen(t, opts, server)
			s := p.NewSession(t.Context())
			defer s.Rollback()
			var got string
			const ask = `SELECT concat_ws(' ', current_setting('statement_timeout'),
				current_setting('idle_in_transaction_session_timeout'), current_setting('application_name'))`
			if err := s.DB().Raw(ask).Scan(&got).Error; err != nil || got != want {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
		})
	}
}

// TestMigrator_NoTimeoutOfTheURL: a migration may wait for longer than the URL lets a request.
func TestMigrator_NoTimeoutOfTheURL(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"statement_timeout=100", "options=-c%20statement_timeout%3D100"} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			server := dbtest.New(t)
			reader := dbtest.Connect(t, server)
			if _, err := reader.Exec(t.Context(), "BEGIN; SELECT * FROM idempotency_keys"); err != nil { // holds up DROP TABLE
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				m, err := db.NewMigrator(poolOptions(poolQuery(server, query), 1, 0))
				if err == nil {
					err = errors.Join(poolDownTo(t.Context(), m), m.Close())
				}
				done <- err
			}()
			watcher := &poolUnderTest{t: t, watcher: dbtest.Connect(t, server)}
			const waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > interval '300 ms'"
			dbtest.Eventually(t, "it waits for the lock, three times as long as the limit, or has ended", func() bool {
				return len(done) > 0 || watcher.look(waits) > 0
			})
			if _, err := reader.Exec(t.Context(), "COMMIT"); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// poolDownTo rolls all migrations back.
func poolDownTo(ctx context.Context, m *db.Migrator) error {
	for {
		if name, err := m.Down(ctx); err != nil || name == "" {
			return err
		}
	}
}

// TestTestConnection_RefusedParameter ends the start at once, and names the parameter.
func TestTestConnection_RefusedParameter(t *testing.T) {
	t.Parallel()
	server := dbtest.New(t)
	for query, want := range map[string]string{
		"foo=bar":                           `unrecognized configuration parameter "foo" (SQLSTATE 42704)`,
		"schema=public":                     `unrecognized configuration parameter "schema" (SQLSTATE 42704)`,
		"options=-c%20foo%3Dbar":            `unrecognized configuration parameter "foo" (SQLSTATE 42704)`,
		"work_mem=much":                     `invalid value for parameter "work_mem": "much" (SQLSTATE 22023)`,
		"max_connections=5":                 `parameter "max_connections" cannot be changed without restarting the server (SQLSTATE 55P02)`,
		"options=--foo":                     `--foo requires a value (SQLSTATE 42601)`,
		"options=-c%20shared_buffers%3D1GB": `parameter "shared_buffers" cannot be changed without restarting the server (SQLSTATE 55P02)`,
	} {
		opts, log := poolLogged(poolQuery(server, query))
		err := db.TestConnection(t.Context(), opts, 5, time.Second)
		if !errors.Is(err, db.ErrURL) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || log.String() != "" {
			t.Errorf("%s: %v, log %q", query, err, log)
		}
	}
}

// TestPgBouncer_Refusals: what PgBouncer will not take ends the start at once, with what to set.
func TestPgBouncer_Refusals(t *testing.T) {
	t.Parallel()
	bounced := poolBouncer(t, dbtest.New(t))
	for name, c := range map[string]struct {
		url     string
		bouncer bool
		is      error
		want    []string
	}{
		"time-outs":        {bounced, false, db.ErrURL, []string{"start-up parameter ", "; set DB_PGBOUNCER=true", "ignore_startup_parameters"}},
		"a parameter":      {bounced + "&search_path=a", true, db.ErrURL, []string{"start-up parameter search_path; take it out", "ignore_startup_parameters = search_path"}},
		"options":          {bounced + "&options=-c%20geqo%3Doff", true, db.ErrURL, []string{"start-up parameter ", "; take it out"}},
		"unknown database": {strings.Replace(bounced, "/app?", "/none_such?", 1), true, nil, []string{"no such database: none_such"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts, log := poolLogged(c.url)
			opts.PgBouncer, opts.StatementTimeout = c.bouncer, time.Minute
			err := db.TestConnection(t.Context(), opts, 5, time.Second)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || strings.Contains(err.Error(), "\n") || strings.Count(log.String(), "attempt") > 1 {
				t.Fatalf("%v, log:\n%s", err, log)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in: %v", want, err)
				}
			}
		})
	}
}

// TestTestConnection_PasswordFile: a password file works, as with psql, and the log says that it was used.
func TestTestConnection_PasswordFile(t *testing.T) {
	t.Parallel()
	const right = "sec:ret"
	wrong, socket := poolPasswordServer(t)
	dbtest.Exec(t, socket, "ALTER ROLE postgres PASSWORD '"+right+"'")
	file := filepath.Join(t.TempDir(), "pgpass")
	if err := os.WriteFile(file, []byte(`127.0.0.1:*:*:postgres:sec\:ret`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	opts, log := poolLogged(poolQuery(strings.Replace(wrong, ":hunter2", "", 1), "passfile="+file))
	if err := db.TestConnection(t.Context(), opts, 1, 0); err != nil || !strings.Contains(log.String(), "password: PGPASSFILE or ~/.pgpass") {
		t.Errorf("%v, log %q", err, log)
	}
	opts, log = poolLogged(poolQuery(wrong, "passfile="+file))
	if err := db.TestConnection(t.Context(), opts, 1, 0); err == nil || strings.Contains(log.String(), "password: ") || strings.Contains(log.String()+err.Error(), right) {
		t.Errorf("the URL's own password does not win: %v, log %q", err, log)
	}
}

// TestTestConnection_TLS: a server without TLS, or with a certificate that does not hold, is not asked again.
func TestTestConnection_TLS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode, want string
		answer     func(net.Conn)
	}{
		"without":   {"require", "server refused TLS connection", func(c net.Conn) { _, _ = c.Write([]byte("N")) }},
		"untrusted": {"verify-full", "x509: ", poolUntrusted(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts, log := poolLogged("postgres://u:hunter2@" + poolAnswering(t, c.answer) + "/db?sslmode=" + c.mode)
			err := db.TestConnection(t.Context(), opts, 5, time.Second)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(log.String(), "attempt") != 1 {
				t.Errorf("%v, log:\n%s", err, log)
			}
		})
	}
}

// poolAnswering is the address of a listener that reads a request for TLS and gives this answer.
func poolAnswering(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := conn.Read(make([]byte, 8)); err == nil {
				answer(conn)
			}
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// poolUntrusted answers with a certificate that nobody has signed.
func poolUntrusted(t *testing.T) func(net.Conn) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	certificate := server.TLS.Certificates[0]
	return func(conn net.Conn) {
		if _, err := conn.Write([]byte("S")); err == nil {
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}}).Handshake()
		}
	}
}
