package dbtest_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"example.com/transcription-api/internal/db/dbtest"
)

// proxied is a database behind a proxy, with a table of its own, and a client that connects through it.
func proxied(t *testing.T) (p *dbtest.Proxy, conn *pgx.Conn, direct string) {
	t.Helper()
	direct = dbtest.Empty(t)
	dbtest.Exec(t, direct, "CREATE TABLE words (word text)")
	p = dbtest.NewProxy(t, direct)
	return p, dbtest.Connect(t, p.URL()), direct
}

// insert writes one row in a transaction.
func insert(ctx context.Context, conn *pgx.Conn) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, "INSERT INTO words VALUES ('a') RETURNING word").Scan(new(string)); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func rows(t *testing.T, url string) (n int) {
	t.Helper()
	if err := dbtest.Connect(t, url).QueryRow(t.Context(), "SELECT count(*) FROM words").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestProxyPasses(t *testing.T) {
	t.Parallel()
	p, conn, direct := proxied(t)
	before := p.RoundTrips()
	if _, err := conn.Exec(t.Context(), "INSERT INTO words VALUES ('a')"); err != nil {
		t.Fatal(err)
	}
	if got := p.RoundTrips() - before; got != 1 {
		t.Errorf("%d round trips, want 1", got)
	}
	if queries, parses := p.Sent('Q'), p.Sent('P'); queries != 1 || parses != 0 {
		t.Errorf("%d simple queries and %d of Parse, want 1 and none", queries, parses)
	}
	if got := p.Accepted(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
	if got := rows(t, direct); got != 1 {
		t.Errorf("%d rows, want 1", got)
	}
	p.Latency(50 * time.Millisecond)
	sent := time.Now()
	if err := insert(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(sent); took < 150*time.Millisecond {
		t.Errorf("BEGIN, INSERT and COMMIT took %v with 50 ms each", took)
	}
}

// TestProxyCuts looks at what each cut leaves behind.
func TestProxyCuts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		cut  dbtest.Cut
		rows int
	}{
		{"in the answer", dbtest.InAnswer, 0},
		{"before COMMIT", dbtest.BeforeCommit, 0},
		{"after COMMIT", dbtest.AfterCommit, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, conn, direct := proxied(t)
			p.CutNext(test.cut, 1)
			if err := insert(t.Context(), conn); err == nil || !conn.IsClosed() {
				t.Errorf("got %v, want a line that is cut", err)
			}
			if got := rows(t, direct); got != test.rows {
				t.Errorf("%d rows, want %d", got, test.rows)
			}
			if err := insert(t.Context(), dbtest.Connect(t, p.URL())); err != nil {
				t.Errorf("the next line: %v", err)
			}
		})
	}
}

func TestProxyStall(t *testing.T) {
	t.Parallel()
	p, conn, direct := proxied(t)
	p.Stall()
	done := make(chan error, 1)
	go func() { done <- insert(context.WithoutCancel(t.Context()), conn) }()
	select {
	case err := <-done:
		t.Fatalf("came back during the stall: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	p.Pass()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := rows(t, direct); got != 1 {
		t.Errorf("%d rows, want 1", got)
	}
}

func TestProxyBlackHole(t *testing.T) {
	t.Parallel()
	p, conn, _ := proxied(t)
	p.BlackHole()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := conn.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an old line: %v, want no answer", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := pgx.Connect(ctx, p.URL()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a new line: %v, want no answer", err)
	}
	p.Pass()
	dbtest.Connect(t, p.URL())
}

func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	p, conn, _ := proxied(t)
	p.Refuse()
	if _, err := pgx.Connect(t.Context(), p.URL()); err == nil {
		t.Error("a new line was taken")
	}
	if err := conn.Ping(t.Context()); err != nil {
		t.Errorf("an old line: %v", err)
	}
	p.Reset()
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("an old line survived the reset")
	}
}

// TestProxyPassesARequestForTLS: its answer is one byte, and no message.
func TestProxyPassesARequestForTLS(t *testing.T) {
	t.Parallel()
	p := dbtest.NewProxy(t, dbtest.Empty(t))
	u, err := url.Parse(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	request, _ := (&pgproto3.SSLRequest{}).Encode(nil)
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1)
	if _, err := conn.Read(answer); err != nil || answer[0] != 'N' && answer[0] != 'S' {
		t.Errorf("got %q, %v, want N or S", answer, err)
	}
}
