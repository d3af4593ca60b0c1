package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/models"
)

// TestWorkFails: an engine's error, its panic, its silence and what can not be stored are the item's, in the end.
func TestWorkFails(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t)
	tests := map[string]struct {
		reason   string
		attempts int
	}{
		"fails":       {"given up after 2 attempts: no sound in it", 2},
		"panics":      {"given up after 2 attempts: panic: no sound in it", 2},
		"slow":        {"given up after 2 attempts: no transcript within 4.5s", 2},
		"too much":    {"the transcript can not be stored: it is too long, or no text", 1},
		"is hopeless": {"no recording at that URL", 1},
	}
	for title := range tests {
		w.add(title, 1)
	}
	p := w.worker(nil, "--workers=5", "--lease=5s", "--attempts=2", "--backoff=10ms")
	p.until("all have failed", func() bool { return w.count("status = 'failed'") == len(tests) })
	for title, want := range tests {
		var got models.Item
		row := dbtest.Connect(t, w.url).QueryRow(t.Context(), "SELECT error, attempts FROM items WHERE title = $1", title)
		if err := row.Scan(&got.Error, &got.Attempts); err != nil || !strings.HasPrefix(*got.Error, want.reason) || int(got.Attempts) != want.attempts {
			t.Errorf("%s: %q after %d attempts (%v), want %q after %d", title, *got.Error, got.Attempts, err, want.reason, want.attempts)
		}
	}
	if out := p.output.String(); strings.Count(out, `level=ERROR msg="engine panicked"`) != 2 || !strings.Contains(out, "work_helper_test.go") {
		t.Error("the panics are not logged with their place")
	}
	w.add("quick", 1)
	p.until("the process lives", func() bool { return w.count("status = 'processed'") == 1 })
}

// TestWorkIsTriedAgain: between two attempts clients see it pending, with the reason.
func TestWorkIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t)
	w.add("fails twice", 1)
	p := w.worker(nil, "--workers=1", "--backoff=1h")
	p.until("it waits", func() bool {
		return w.count("status = 'pending' AND error = 'attempt 1 of 5: the engine is busy' AND retry_at > now() + interval '29 minutes'") == 1
	})
	p.until("it waits for longer", func() bool {
		dbtest.Exec(t, w.url, "UPDATE items SET retry_at = now() WHERE attempts = 1")
		return w.count("error = 'attempt 2 of 5: the engine is busy' AND retry_at > now() + interval '29 minutes'") == 1
	})
	dbtest.Exec(t, w.url, "UPDATE items SET retry_at = now()")
	p.until("it is processed", func() bool { return w.count("status = 'processed' AND error IS NULL AND attempts = 3") == 1 })
}

func TestPauses(t *testing.T) {
	t.Parallel()
	o := workOrder{backoff: 30 * time.Second}
	for attempt, want := range map[int32]time.Duration{1: 30 * time.Second, 2: time.Minute, 5: 8 * time.Minute, 8: time.Hour, 1000: time.Hour} {
		if got := o.pauseAfter(attempt); got < want/2 || got > want*3/2 {
			t.Errorf("after attempt %d: %v, want about %v", attempt, got, want)
		}
	}
}

// TestWorkPoisoned: an item that ends every process that has it ends no more of them than it may, and the others are processed.
func TestWorkPoisoned(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t)
	w.add("kills", 1)
	w.add("quick", 20)
	killed := 0
	for w.count("status IN ('pending', 'processing')") > 0 && killed < 10 {
		p := w.worker(nil, "--workers=2", "--lease=1h", "--attempts=3")
		p.until("it is killed, or all are done", func() bool {
			select {
			case <-p.exited:
				killed++
				w.ended()
				dbtest.Exec(t, w.url, "UPDATE items SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL") // which passes
				return true
			default:
				return w.count("status IN ('pending', 'processing')") == 0
			}
		})
	}
	reason := dbtest.Ask[string](t, w.url, "SELECT coalesce(error, '') FROM items WHERE title = 'kills' AND status = 'failed'")
	if n := w.count("status = 'processed'"); killed != 3 || n != 20 || !strings.HasPrefix(reason, "given up after 3 attempts: ") {
		t.Errorf("%d workers ended, want 3; %d of 20 others processed; it failed as %q", killed, n, reason)
	}
}

// TestWorkMetrics: what has become of the items, and for how long the next one has waited.
func TestWorkMetrics(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t)
	w.add("slow", 1)
	w.add("waits", 1)
	dbtest.Exec(t, w.url, "UPDATE items SET created_at = now() - interval '1 hour' WHERE title = 'slow'")
	dbtest.Exec(t, w.url, "UPDATE items SET created_at = now() - interval '1 minute' WHERE title = 'waits'")
	p := w.worker(map[string]string{"ADMIN_ADDR": "127.0.0.1:0"}, "--workers=1", "--attempts=2", "--backoff=10ms")
	admin := p.await(`admin=(http://\S+)`)[1]
	shows := func(lines ...string) {
		t.Helper()
		p.until(strings.Join(lines, ", "), func() bool {
			body := get(t, admin+"/metrics").body
			for _, line := range lines {
				if !strings.Contains(body, "\n"+line) {
					return false
				}
			}
			return true
		})
	}
	shows("work_items_in_hand 1\n", "work_oldest_pending_seconds 6", `work_items_total{outcome="failed"} 0`, "db_up 1\n")
	w.release()
	w.add("fails", 1)
	shows("work_items_in_hand 0\n", "work_oldest_pending_seconds 0\n", `work_items_total{outcome="processed"} 2`,
		`work_items_total{outcome="retried"} 1`, `work_items_total{outcome="failed"} 1`, "work_item_duration_seconds_count 4\n")
	if a := get(t, admin+"/debug/pprof/"); a.status != http.StatusOK {
		t.Errorf("pprof: %d", a.status)
	}
	p.signal(syscall.SIGTERM)
	if status := p.status(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}
