package main

import (
	"strings"
	"syscall"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestWorkersAtOnce: two processes of several workers, and each item is worked on once.
func TestWorkersAtOnce(t *testing.T) {
	t.Parallel()
	const items = 50
	w := newWorkplace(t)
	workers := []*process{w.worker(nil), w.worker(nil, "--workers=3")}
	w.add("quick", items)
	workers[0].until("all are processed", func() bool { return w.count("status = 'processed' AND transcript = 'Hello'") == items })
	times := w.noted()
	for id, n := range times {
		if n != 1 {
			t.Errorf("item %s was worked on %d times", id, n)
		}
	}
	if len(times) != items {
		t.Errorf("%d items were worked on, want %d", len(times), items)
	}
	for _, p := range workers {
		p.signal(syscall.SIGTERM)
		if status := p.status(); status != 0 {
			t.Errorf("exit status %d, want 0", status)
		}
	}
}

// TestWorkerKilled: what it had is taken up by another one when the lease is over; what it had finished is not.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t)
	w.add("quick", 20)
	w.add("slow", 10)
	killed := w.worker(nil, "--workers=3", "--lease=1h")
	killed.until("it has three in hand", func() bool { return len(w.noted()) == 23 && w.count("status = 'processed'") == 20 })
	killed.signal(syscall.SIGKILL)
	killed.status()
	if held := dbtest.Ask[int](t, w.url, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start < now() - interval '1 second'"); held != 0 {
		t.Errorf("%d transactions were open while it worked", held)
	}
	w.release()
	dbtest.Exec(t, w.url, "UPDATE items SET lease_until = lease_until - interval '1 hour' WHERE lease_until IS NOT NULL") // which passes
	other := w.worker(nil)
	other.until("nothing is lost", func() bool { return w.count("status = 'processed'") == 30 })
	other.await("item taken back")
	again := 0
	for _, n := range w.noted() {
		again += n - 1
	}
	if again != 3 {
		t.Errorf("%d items were worked on again, want 3", again)
	}
}

// TestWorkStop: what is in hand is finished in time, or given back.
func TestWorkStop(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		title, timeout string
		release        bool
		status         int
		items          string
	}{
		"finished":      {"slow", "60", true, 0, "status = 'processed' AND lease_until IS NULL"},
		"given back":    {"slow", "0.3", false, 1, "status = 'pending' AND error IS NULL AND lease_until IS NULL"},
		"heeds nothing": {"heeds nothing", "0.3", false, 1, "status = 'processing' AND lease_until > now()"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkplace(t)
			w.add(test.title, 1)
			p := w.worker(map[string]string{"SHUTDOWN_TIMEOUT": test.timeout})
			p.until("it is in work", func() bool { return len(w.noted()) == 1 })
			p.signal(syscall.SIGTERM)
			p.await("msg=draining")
			w.add("quick", 1) // which is not begun any more
			if test.release {
				w.release()
			}
			if status := p.status(); status != test.status {
				t.Errorf("exit status %d, want %d", status, test.status)
			}
			if n := w.count(test.items + " AND title <> 'quick'"); n != 1 {
				t.Errorf("want one with %s", test.items)
			}
			if n := w.count("status = 'pending' AND title = 'quick'"); n != 1 {
				t.Error("an item was begun after the signal")
			}
		})
	}
}

// TestWorkWithoutDatabase: a transcript survives an outage that is shorter than the lease.
func TestWorkWithoutDatabase(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t)
	proxy := dbtest.NewProxy(t, w.url)
	w.add("slow", 1)
	through := w
	through.url = proxy.URL()
	p := through.worker(nil, "--workers=2")
	p.until("it is in work", func() bool { return len(w.noted()) == 1 })
	proxy.Refuse()
	proxy.Reset()
	w.release()
	p.await("can not look for work")
	proxy.Pass()
	p.until("it is saved", func() bool { return w.count("status = 'processed'") == 1 })
	if n := w.noted(); len(n) != 1 {
		t.Errorf("worked on %v", n)
	}
}

// TestWorkEngine: what comes with the service makes up a text, and not in production.
func TestWorkEngine(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t)
	w.add("Interview", 1)
	env := map[string]string{"API_TEST_RUN_MAIN": "service", "DATABASE_URL": w.url}
	p := start(t, env, "work")
	p.until("it is processed", func() bool {
		return w.count("status = 'processed' AND transcript LIKE '(No speech engine is built in.%\"Interview\".)'") == 1
	})
	env["ENVIRONMENT"] = "production"
	p = start(t, env, "work")
	if status := p.status(); status != 1 || !strings.Contains(p.output.String(), "replace newTranscriber in cmd/api/work_transcribe.go") {
		t.Errorf("exit status %d, want 1:\n%s", status, p.output)
	}
}

func TestWorkArguments(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]bool{
		"": true, "--workers 3": true, "--workers=1 --lease=90s": true, "-lease=1h": true, "--attempts=1 --backoff=0s": true, "--attempts=0": false, "--backoff=2h": false, "--backoff=-1s": false,
		"now": false, "--workers=0": false, "--workers=x": false, "--workers=1001": false, "--lease=0": false, "--lease=10": false, "--lease=500ms": false, "-h": false, "--nonsense": false,
	} {
		if workArgs(strings.Fields(args)) != want {
			t.Errorf("%q: want %t", args, want)
		}
	}
}
