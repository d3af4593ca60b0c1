//go:build faults

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
)

const (
	mebibyte = 1 << 20
	resident = "process_resident_memory_bytes"
)

// TestFaultShipped tests the program without the race detector, which would take
// several times the memory. It is the tests' own, built once for all, and serves things.
func TestFaultShipped(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "api")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	shipped := func(t *testing.T, env map[string]string) *process {
		t.Helper()
		env["ADMIN_ADDR"] = "127.0.0.1:0"
		p := startProgram(t, program, t.TempDir(), env)
		p.url()
		return p
	}
	tests := map[string]func(*testing.T, starter){"overload": overload, "slow clients": slowClients, "leaks": leaks}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, shipped)
		})
	}
}

// starter starts the program with these settings.
type starter func(*testing.T, map[string]string) *process

// overload lets 500 clients at 15 connections.
func overload(t *testing.T, start starter) {
	tests := []struct {
		name     string
		env      map[string]string
		slow     string // what each INSERT does besides
		statuses []int
	}{
		{"default time-out", map[string]string{}, "", []int{http.StatusOK, http.StatusCreated}},
		{
			"time-out of 1 s",
			map[string]string{"DB_POOL_TIMEOUT": "1"},
			"PERFORM pg_sleep(0.1);",
			[]int{http.StatusOK, http.StatusCreated, http.StatusServiceUnavailable},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := dbtest.Things(t)
			slowDown(t, url, test.slow)
			test.env["DATABASE_URL"] = url
			p := start(t, test.env)
			before := metric(t, p, resident)
			l := startLoad(t, p, 500, 0)
			peak, most := watch(t, p, url, 4*time.Second)
			l.stop()
			t.Log(l)
			l.expect(t, patience, test.statuses...)
			for _, status := range test.statuses {
				if l.statuses[status] == 0 {
					t.Errorf("no answer with %d: the load does not show what it should", status)
				}
			}
			if most > 15 {
				t.Errorf("%d backends at a time, want 15 at most", most)
			}
			l.durable(t, url)
			whole(t, p, url)
			remembers(t, p, before, peak)
		})
	}
}

// slowDown makes each INSERT do something more.
func slowDown(t *testing.T, url, statement string) {
	t.Helper()
	dbtest.Exec(t, url, "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+statement+" RETURN NEW; END $$")
	dbtest.Exec(t, url, "CREATE TRIGGER slow BEFORE INSERT ON test_things FOR EACH ROW EXECUTE FUNCTION slow()")
}

// watch returns the most memory, in bytes, and the most backends seen meanwhile.
func watch(t *testing.T, p *process, url string, length time.Duration) (peak float64, most int) {
	t.Helper()
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		peak = max(peak, metric(t, p, resident))
		// All but the one that asks: a second pool would go by another name.
		most = max(most, count(t, url, everybody))
	}
	return peak, most
}

// remembers checks what the process took and whether it gives it back.
func remembers(t *testing.T, p *process, before, peak float64) {
	t.Helper()
	if peak > 150*mebibyte {
		t.Errorf("%.0f MiB at the peak, want 150 at most", peak/mebibyte)
	}
	after := 0.0
	p.until("memory is given back", func() bool {
		get(t, p.await(`admin=(http://\S+)`)[1]+"/debug/pprof/heap?gc=1") // collect now, not in two minutes
		after = metric(t, p, resident)
		return after < before+40*mebibyte
	})
	t.Logf("memory: %.0f MiB before, %.0f at the peak, %.0f after", before/mebibyte, peak/mebibyte, after/mebibyte)
}

// slowClients has 300 clients that send a byte now and then, half of
// them of the headers and half of the body. They are cut, and bother nobody.
func slowClients(t *testing.T, start starter) {
	p := start(t, map[string]string{"DATABASE_URL": dbtest.Things(t), "REQUEST_TIMEOUT": "2"})
	l := startLoad(t, p, 5, 0)
	address := strings.TrimPrefix(p.url(), "http://")
	const body = "POST /things HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
	var slow sync.WaitGroup
	var mu sync.Mutex
	longest, answers := time.Duration(0), make(map[string]int)
	for i := range 300 {
		opening := "GET /things HTTP/1.1\r\nX-Slow: "
		if i%2 == 1 {
			opening = body
		}
		slow.Go(func() {
			took, status, err := dribble(address, opening)
			mu.Lock()
			defer mu.Unlock()
			longest = max(longest, took)
			answers[status]++
			if err != nil {
				t.Errorf("a slow client: %v", err)
			}
		})
	}
	slow.Wait()
	l.stop()
	t.Logf("slow clients: cut after %v at most, answers %v; others: %v", longest.Round(time.Millisecond), answers, l)
	l.expect(t, answerLimit, http.StatusOK, http.StatusCreated)
	if answers["408"] != 150 || longest > 20*time.Second {
		t.Errorf("answers %v, cut after %v at most: want 150 with 408 and all cut after 2 s", answers, longest)
	}
	if l.statuses[http.StatusCreated] == 0 {
		t.Error("the others got nothing done")
	}
}

// dribble sends the start of a request and then a byte every 200 ms until the
// server has had enough. status is "" where that was without an answer.
func dribble(address, opening string) (took time.Duration, status string, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, "", err
	}
	defer conn.Close()
	began := time.Now()
	_ = conn.SetDeadline(began.Add(patience))
	if _, err := io.WriteString(conn, opening); err != nil {
		return 0, "", err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := io.WriteString(conn, " "); err != nil {
				return
			}
			time.Sleep(200 * time.Millisecond)
		}
	}()
	answer, _ := io.ReadAll(conn) // a reset after the answer is the server's right
	took = time.Since(began)
	conn.Close()
	<-done
	if took >= patience {
		return took, "", fmt.Errorf("not cut within %v", patience)
	}
	if words := strings.Fields(string(answer)); len(words) > 1 {
		status = words[1]
	}
	return took, status, nil
}
