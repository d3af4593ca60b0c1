//go:build faults

package db_test

import (
	"testing"
	"time"
)

// TestFaultCancelsAtRandom is TestSessionCancelsAtRandom for half a minute: thousands of cancels, ten thousand on a quiet
// machine, each of which costs the server a process. It is not parallel: nothing else is to take its time.
func TestFaultCancelsAtRandom(t *testing.T) {
	conn, _, _ := sessionOpen(t, sessionPool(9, 0))
	if left := sessionStorm(t, conn, 100_000, 30*time.Second); left < 200 {
		t.Errorf("only %d callers left", left)
	}
}
