package handlers

import (
	"testing"
)

// TestProbeAfterRestart: a connection that died while it lay idle tells of the
// past. The database is up, and probes must say so.
func TestProbeAfterRestart(t *testing.T) {
	t.Parallel()
	w := watch(t, nil)
	server := w.server()
	for range 3 {
		terminate(t, server, w.database)
		if up := w.figure("db_up"); up != 1 {
			t.Errorf("db_up is %v after the backends were terminated, want 1: the database answers", up)
		}
		terminate(t, server, w.database)
		w.must(200, "GET", "/health/ready", "")
		terminate(t, server, w.database)
		w.must(200, "GET", "/health/db", "")
	}
}
