package db

import (
	"testing"
	"time"
)

// TestUnwatchedCostsNothing: without Watch and DB_ECHO what a session sends is told to nobody, and nothing is made for it.
func TestUnwatchedCostsNothing(t *testing.T) { // not in parallel: it counts what the process allocates
	s := &Session{db: &DB{}, ctx: t.Context()}
	start, args := time.Now(), []any{1}
	allocations := testing.AllocsPerRun(100, func() {
		s.echoWait(start)
		s.echoBegin(beginning{begin: "BEGIN"}, start, nil)
		s.observe(s.ctx, "SELECT 1", args, start, nil)
		s.echo(s.ctx, "COMMIT", nil, start, nil)
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}
