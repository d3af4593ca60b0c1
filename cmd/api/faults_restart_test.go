//go:build faults

package main

import (
	"net/http"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/devdb"
)

// Answers must come within 5 s and the first 2xx within 2 s of the server's
// return; these leave a slow, shared machine some room.
const (
	answerLimit   = 10 * time.Second
	recoveryLimit = 10 * time.Second
)

// TestFaultRestart stops PostgreSQL and crashes it, while clients write.
func TestFaultRestart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		end  func(*testing.T, *devdb.Server)
	}{
		{"stop", func(t *testing.T, server *devdb.Server) {
			if err := server.Halt(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
		{"crash", func(_ *testing.T, server *devdb.Server) { server.Kill() }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := startPostgres(t, nil)
			p := start(t, map[string]string{"DATABASE_URL": server.URL()})
			l := startLoad(t, p, 20, 0)
			time.Sleep(time.Second)
			test.end(t, server)
			downAndUp(t, p, server, l)
			l.stop()
			t.Log(l)
			l.expect(t, answerLimit, http.StatusOK, http.StatusCreated, http.StatusConflict, http.StatusServiceUnavailable)
			l.durable(t, server.URL())
			whole(t, p, server.URL())
		})
	}
}

// downAndUp looks at the probes while the server is down, brings it up again and
// measures how soon requests succeed.
func downAndUp(t *testing.T, p *process, server *devdb.Server, l *load) {
	t.Helper()
	p.until("the probe sees it", func() bool { return get(t, p.url()+"/health/ready").status == http.StatusServiceUnavailable })
	if a := get(t, p.url()+"/health/db"); a.status != http.StatusServiceUnavailable {
		t.Errorf("/health/db: %d, want 503", a.status)
	}
	if a := get(t, p.url()+"/health/live"); a.status != http.StatusOK {
		t.Errorf("/health/live: %d, want 200", a.status)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := l.recovery(t, time.Now())
	t.Logf("first 2xx %v after the server was ready", took.Round(time.Millisecond))
	if took > recoveryLimit {
		t.Errorf("first 2xx after %v, want %v at most", took, recoveryLimit)
	}
	time.Sleep(time.Second)
	if a := get(t, p.url()+"/health/ready"); a.status != http.StatusOK {
		t.Errorf("/health/ready: %d, want 200", a.status)
	}
}

// TestFaultTerminate ends one backend every 50 ms, and every second all of them.
func TestFaultTerminate(t *testing.T) {
	t.Parallel()
	url := dbtest.Things(t)
	p := start(t, map[string]string{"DATABASE_URL": url})
	l := startLoad(t, p, 20, 0)
	killer := dbtest.Connect(t, url)
	const terminate = `SELECT pg_terminate_backend(pid) FROM (
		SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND starts_with(application_name, 'transcription-api ')
		ORDER BY random() LIMIT $1) AS victims`
	killed := int64(0)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := range 160 {
		victims := 1
		if n%20 == 19 {
			victims = 100
		}
		tag, err := killer.Exec(t.Context(), terminate, victims)
		if err != nil {
			t.Fatal(err)
		}
		killed += tag.RowsAffected()
		<-tick.C
	}
	ended := time.Now()
	t.Logf("%d backends terminated, first 2xx after the last %v later", killed, l.recovery(t, ended).Round(time.Millisecond))
	l.stop()
	t.Log(l)
	if killed < 100 {
		t.Errorf("only %d backends terminated", killed)
	}
	l.expect(t, answerLimit, http.StatusOK, http.StatusCreated, http.StatusConflict, http.StatusServiceUnavailable)
	l.durable(t, url)
	whole(t, p, url)
}
