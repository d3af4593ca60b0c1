//go:build faults

package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestFaultStandby has COMMIT wait for a synchronous standby that is not there.
// PostgreSQL answers the cancel with success and a warning; the row would be
// lost in a failover, so nobody may be told that it is saved.
func TestFaultStandby(t *testing.T) {
	t.Parallel()
	server := startPostgres(t, map[string]string{"synchronous_commit": "on"})
	p := start(t, map[string]string{"DATABASE_URL": server.URL(), "REQUEST_TIMEOUT": "0.5"})
	p.url()
	setServer(t, server.URL(), "synchronous_standby_names", "missing")

	statuses := posts(t, p, 10, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	t.Logf("while the standby is missing: %v", statuses)
	p.until("each outcome is logged as unknown", func() bool { // a line may come after its answer
		return strings.Count(p.output.String(), "outcome of COMMIT unknown") == 10
	})
	setServer(t, server.URL(), "synchronous_standby_names", "")
	p.until("writing works again", func() bool { return posts(t, p, 1)[http.StatusCreated] == 1 })
	if n := count(t, server.URL(), "SELECT coalesce(max(times), 0) FROM (SELECT count(*) AS times FROM test_things WHERE title LIKE 'standby%' GROUP BY title) AS t"); n > 1 {
		t.Errorf("a thing is there %d times", n)
	}
	whole(t, p, server.URL())
}

// posts creates things all at once and counts the statuses, which must be of
// those named, if any are.
func posts(t *testing.T, p *process, n int, want ...int) map[int]int {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	statuses := make(map[int]int)
	base := p.url()
	for i := range n {
		all.Go(func() {
			c := &wireClient{address: strings.TrimPrefix(base, "http://")}
			defer c.hangUp()
			a, err := c.do(http.MethodPost, "/things", fmt.Sprintf(`{"title":"standby %d of %d","link":"https://example.com/a.wav"}`, i, n))
			mu.Lock()
			defer mu.Unlock()
			statuses[a.status]++
			if word := telling(a); err != nil || word != "" {
				t.Errorf("POST: %v, %q in %s", err, word, a.body)
			}
		})
	}
	all.Wait()
	for _, status := range want {
		n -= statuses[status]
	}
	if len(want) > 0 && n != 0 {
		t.Errorf("got statuses %v, want only %v", statuses, want)
	}
	return statuses
}

// setServer changes a setting of the whole server, which must be the test's own.
func setServer(t *testing.T, url, name, value string) {
	t.Helper()
	dbtest.Exec(t, url, fmt.Sprintf("ALTER SYSTEM SET %s = '%s'", name, value))
	dbtest.Exec(t, url, "SELECT pg_reload_conf()")
	dbtest.Eventually(t, name+" is set", func() bool {
		return count(t, url, "SELECT count(*) FROM pg_settings WHERE name = $1 AND setting = $2", name, value) == 1
	})
}

// TestFaultCommitRefused defers a rule to COMMIT, where PostgreSQL then refuses
// what the handler has answered with 201 already.
func TestFaultCommitRefused(t *testing.T) {
	t.Parallel()
	url := dbtest.Things(t)
	dbtest.Exec(t, url, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'refused at COMMIT' USING ERRCODE = '23505'; END $$`)
	dbtest.Exec(t, url, `CREATE CONSTRAINT TRIGGER late AFTER INSERT ON test_things
		DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`)
	p := start(t, map[string]string{"DATABASE_URL": url})
	posts(t, p, 3, http.StatusConflict)
	if n := count(t, url, "SELECT count(*) FROM test_things"); n != 0 {
		t.Errorf("%d things, want none", n)
	}
	whole(t, p, url)
}
