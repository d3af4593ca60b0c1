//go:build faults

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestFaultMaxConnections has other clients take every connection that the
// server allows, the pool's lost ones included.
func TestFaultMaxConnections(t *testing.T) {
	t.Parallel()
	server := startPostgres(t, map[string]string{"max_connections": "20"})
	p := start(t, map[string]string{"DATABASE_URL": server.URL(), "DB_POOL_SIZE": "2", "DB_MAX_OVERFLOW": "8"})
	p.url()
	var others []*pgx.Conn
	var err error
	for err == nil {
		var conn *pgx.Conn
		if conn, err = pgx.Connect(t.Context(), server.URL()); err == nil {
			others = append(others, conn)
			defer conn.Close(context.WithoutCancel(t.Context()))
		}
	}
	if !strings.Contains(err.Error(), "53300") || len(others) < 10 {
		t.Fatalf("%d connections, then: %v", len(others), err)
	}
	// One other client takes the place of each connection that the pool loses.
	if _, err := others[0].Exec(t.Context(), "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE starts_with(application_name, 'transcription-api ')"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		conn, err := pgx.Connect(t.Context(), server.URL())
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, conn)
		defer conn.Close(context.WithoutCancel(t.Context()))
	}
	posts(t, p, 10, http.StatusServiceUnavailable)
	p.await("53300")
	for _, conn := range others {
		_ = conn.Close(t.Context())
	}
	freed := time.Now()
	p.until("it recovers", func() bool { return posts(t, p, 1)[http.StatusCreated] == 1 })
	t.Logf("first 201 %v after connections were free", time.Since(freed).Round(time.Millisecond))
	posts(t, p, 10, http.StatusCreated)
	whole(t, p, server.URL())
}

// TestFaultLimits meets limits of the server: a 503 that tells no cause, which
// the log does, and then all is well again. A full disk is played by a trigger.
func TestFaultLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, code string
		env        map[string]string
		start, end string // SQL
	}{
		{
			"disk full", "53100",
			map[string]string{},
			`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			 RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
			 CREATE TRIGGER full_disk BEFORE INSERT ON test_things FOR EACH ROW EXECUTE FUNCTION full_disk()`,
			"DROP TRIGGER full_disk ON test_things",
		},
		{
			"statement time-out", "57014",
			map[string]string{"DB_STATEMENT_TIMEOUT": "0.2"},
			`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
			 CREATE TRIGGER slow BEFORE INSERT ON test_things FOR EACH ROW EXECUTE FUNCTION slow()`,
			"DROP TRIGGER slow ON test_things",
		},
		{
			"serialization failure", "40001",
			map[string]string{},
			`CREATE FUNCTION clash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			 RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'; END $$;
			 CREATE TRIGGER clash BEFORE INSERT ON test_things FOR EACH ROW EXECUTE FUNCTION clash()`,
			"DROP TRIGGER clash ON test_things",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := dbtest.Things(t)
			dbtest.Exec(t, url, test.start)
			test.env["DATABASE_URL"] = url
			p := start(t, test.env)
			posts(t, p, 5, http.StatusServiceUnavailable)
			p.await(test.code)
			dbtest.Exec(t, url, test.end)
			posts(t, p, 5, http.StatusCreated)
			if n := count(t, url, "SELECT count(*) FROM test_things"); n != 5 {
				t.Errorf("%d things, want 5", n)
			}
			whole(t, p, url)
		})
	}
}

// TestFaultLockTimeout has another client hold the row that a PATCH wants.
func TestFaultLockTimeout(t *testing.T) {
	t.Parallel()
	p, url, path := withItem(t, "lock_timeout = '200ms'")
	other := begin(t, url, "SELECT FROM test_things FOR UPDATE")
	patched(t, p, path, http.StatusServiceUnavailable)
	p.await("55P03")
	if err := other.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	patched(t, p, path, http.StatusOK)
	whole(t, p, url)
}

// TestFaultDeadlock has a PATCH that holds the row wait for another client's
// lock, and that client wait for the row.
func TestFaultDeadlock(t *testing.T) {
	t.Parallel()
	p, url, path := withItem(t, "deadlock_timeout = '2s'")
	dbtest.Exec(t, url, `CREATE FUNCTION want() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$`)
	dbtest.Exec(t, url, `CREATE TRIGGER want AFTER UPDATE ON test_things FOR EACH ROW EXECUTE FUNCTION want()`)
	other := begin(t, url, "SET LOCAL deadlock_timeout = '1min'", "SELECT pg_advisory_xact_lock(1)") // so that the PATCH is the victim
	result := make(chan struct{})
	go func() {
		defer close(result)
		patched(t, p, path, http.StatusServiceUnavailable)
	}()
	dbtest.Eventually(t, "the PATCH waits", func() bool {
		return count(t, url, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") == 1
	})
	if _, err := other.Exec(t.Context(), "SELECT FROM test_things FOR UPDATE"); err != nil {
		t.Errorf("the other client: %v", err)
	}
	<-result
	p.await("40P01")
	if err := other.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	patched(t, p, path, http.StatusOK)
	whole(t, p, url)
}

// withItem starts the API on a database with a setting of its own and one thing.
func withItem(t *testing.T, setting string) (p *process, url, path string) {
	t.Helper()
	url = dbtest.Things(t)
	name := url[strings.LastIndex(url[:strings.Index(url+"?", "?")], "/")+1 : strings.Index(url+"?", "?")]
	dbtest.Exec(t, url, fmt.Sprintf("ALTER DATABASE %s SET %s", pgx.Identifier{name}.Sanitize(), setting))
	p = start(t, map[string]string{"DATABASE_URL": url})
	a, _ := create(t, p, "one")
	return p, url, a.header.Get("Location")
}

// begin opens a transaction of another client.
func begin(t *testing.T, url string, statements ...string) pgx.Tx {
	t.Helper()
	tx, err := dbtest.Connect(t, url).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return tx
}

func patched(t *testing.T, p *process, path string, want int) {
	t.Helper()
	c := &wireClient{address: strings.TrimPrefix(p.url(), "http://")}
	defer c.hangUp()
	a, err := c.do(http.MethodPatch, path, `{"title":"changed"}`)
	if word := telling(a); err != nil || a.status != want || word != "" {
		t.Errorf("PATCH: %d, %v, %q in %s, want %d", a.status, err, word, a.body, want)
	}
}

// TestFaultReadOnly makes the server refuse writes, as one does that was demoted
// in a failover: the connections must be replaced, as the new primary is
// reached by new ones only.
func TestFaultReadOnly(t *testing.T) {
	t.Parallel()
	server := startPostgres(t, nil)
	p := start(t, map[string]string{"DATABASE_URL": server.URL()})
	posts(t, p, 1, http.StatusCreated)
	const pids = "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE starts_with(application_name, 'transcription-api ') AND backend_start < $1"
	setServer(t, server.URL(), "default_transaction_read_only", "on")
	before := time.Now()
	posts(t, p, 5, http.StatusServiceUnavailable)
	p.await("25006")
	dbtest.Eventually(t, "the connections from before are replaced", func() bool { return count(t, server.URL(), pids, before) == 0 })
	if a := get(t, p.url()+"/things"); a.status != http.StatusOK {
		t.Errorf("reading: %d, want 200", a.status)
	}
	// A session of its own that may write, as nothing else lets a superuser in.
	setServer(t, server.URL()+"&default_transaction_read_only=off", "default_transaction_read_only", "off")
	p.until("writing works again", func() bool { return posts(t, p, 1)[http.StatusCreated] == 1 })
	whole(t, p, server.URL())
}
