package dbtest

import (
	"testing"
	"time"
)

// Patience bounds every wait for something that must happen; reaching it is a failure.
const Patience = time.Minute

// Eventually waits for what must become true. It polls, since most of it happens in other goroutines and processes.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v still not: %s", Patience, what)
		}
	}
}
