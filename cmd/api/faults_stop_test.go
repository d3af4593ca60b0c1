//go:build faults

package main

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestFaultStop sends SIGTERM while keep-alive clients write. A client that meets
// an error on a connection that was not announced to close fails the test.
func TestFaultStop(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		delay time.Duration
	}{
		{"at once", 0},
		{"with a delay", 3 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := dbtest.Things(t)
			p := start(t, map[string]string{"DATABASE_URL": url, "SHUTDOWN_DELAY": test.delay.String()})
			l := startLoad(t, p, 20, 5*time.Millisecond)
			time.Sleep(time.Second)
			signalled := time.Now()
			p.signal(syscall.SIGTERM)
			time.Sleep(test.delay / 3)
			if test.delay > 0 {
				stillServes(t, l.address)
			}
			if status := p.status(); status != 0 {
				t.Errorf("exit status %d, want 0", status)
			}
			took := time.Since(signalled)
			l.stop()
			t.Logf("ended %v after the signal; %d answers with Connection: close", took.Round(time.Millisecond), l.closing)
			t.Log(l)
			if took < test.delay || took > test.delay+20*time.Second {
				t.Errorf("ended after %v with a SHUTDOWN_DELAY of %v", took, test.delay)
			}
			if l.closing == 0 || l.noServer == 0 {
				t.Errorf("%d answers with Connection: close, %d connections refused: want some of each", l.closing, l.noServer)
			}
			l.expect(t, answerLimit, http.StatusOK, http.StatusCreated)
			l.durable(t, url)
			dbtest.Eventually(t, "no backend left", func() bool { return backends(t, url) == 0 })
		})
	}
}

// stillServes connects anew, as clients may until SHUTDOWN_DELAY has passed.
func stillServes(t *testing.T, address string) {
	t.Helper()
	c := &wireClient{address: address}
	defer c.hangUp()
	a, err := c.do(http.MethodGet, "/health/live", "")
	if err != nil || a.status != http.StatusOK || !a.close {
		t.Errorf("during SHUTDOWN_DELAY: %d, %v, Connection: close is %v", a.status, err, a.close)
	}
}

// TestFaultKill kills the process while clients write.
func TestFaultKill(t *testing.T) {
	t.Parallel()
	url := dbtest.Things(t)
	p := start(t, map[string]string{"DATABASE_URL": url})
	l := startLoad(t, p, 20, 0)
	time.Sleep(time.Second)
	p.signal(syscall.SIGKILL)
	p.status()
	l.stop()
	t.Log(l)
	l.durable(t, url)
	dbtest.Eventually(t, "no backend left", func() bool { return backends(t, url) == 0 })
}
