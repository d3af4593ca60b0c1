package app_test

import (
	"strings"
	"testing"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// TestProbeAfterRestart: a connection that died while it lay idle tells of the
// past. The database is up, and probes must say so.
func TestProbeAfterRestart(t *testing.T) {
	t.Parallel()
	w := watch(t)
	server := w.server()
	for range 3 {
		terminate(t, server, w.Database)
		if up := w.figure("db_up"); up != 1 {
			t.Errorf("db_up is %v after the backends were terminated, want 1: the database answers", up)
		}
		terminate(t, server, w.Database)
		w.want(200, "GET", "/health/ready", "")
		terminate(t, server, w.Database)
		w.want(200, "GET", "/health/db", "")
	}
}

// TestProbesLogChanges: the log says once that the database went away, with the
// cause, and once that it is back.
func TestProbesLogChanges(t *testing.T) {
	t.Parallel()
	var proxy *dbtest.Proxy
	w := watch(t, func(o *db.Options) {
		proxy = dbtest.NewProxy(t, o.URL)
		o.URL = proxy.URL()
	})
	w.want(200, "GET", "/health/ready", "")
	proxy.Refuse()
	proxy.Reset()
	for range 3 {
		w.want(503, "GET", "/health/ready", "")
		w.want(503, "GET", "/health/db", "")
	}
	proxy.Pass()
	for range 3 {
		w.want(200, "GET", "/health/ready", "")
	}
	log := w.Log.String()
	if n := strings.Count(log, `"database does not answer","error":"database unavailable: `); n != 1 {
		t.Errorf("logged %d times that the database went away, want once:\n%s", n, log)
	}
	if n := strings.Count(log, `"database answers again"`); n != 1 {
		t.Errorf("logged %d times that the database is back, want once", n)
	}
}
