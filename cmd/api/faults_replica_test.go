//go:build faults

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/devdb"
)

// startReplica starts a primary with things in it, and a server that follows it.
func startReplica(t *testing.T, settings map[string]string) (primary, replica *devdb.Server) {
	t.Helper()
	primary = startPostgres(t, nil)
	dir, err := os.MkdirTemp("", "replica-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // the server does not run as root
		t.Fatal(err)
	}
	data := dbtest.Ask[string](t, primary.URL(), "SHOW data_directory")
	socket := dbtest.Ask[string](t, primary.URL(), "SHOW unix_socket_directories")
	if err := primary.Halt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", data, filepath.Join(dir, "data")).CombinedOutput(); err != nil {
		t.Fatalf("copy the data: %v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := primary.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{
		"primary_conninfo": fmt.Sprintf("host=%s user=postgres", socket), "max_connections": "300", "fsync": "off",
		"wal_retrieve_retry_interval": "100ms",
	}
	for name, value := range settings {
		all[name] = value
	}
	if replica, err = devdb.Start(t.Context(), devdb.Options{Dir: dir, Settings: all}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := replica.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return primary, replica
}

// readingFrom starts the API with a replica, and waits until reads go there.
func readingFrom(t *testing.T, primary, replica, maxLag string) *process {
	t.Helper()
	p := start(t, map[string]string{
		"DATABASE_URL": primary, "DATABASE_READ_URL": replica, "DB_READ_MAX_LAG": maxLag, "ADMIN_ADDR": "127.0.0.1:0",
		"DB_POOL_SIZE": "2", "DB_MAX_OVERFLOW": "8",
	})
	readsThere(t, p)
	return p
}

// readsThere waits until a read has been served by the replica.
func readsThere(t *testing.T, p *process) {
	t.Helper()
	before := metric(t, p, "db_replica_pool_acquires_total")
	p.until("reads go to the replica", func() bool {
		get(t, p.url()+"/things")
		return metric(t, p, "db_replica_pool_acquires_total") > before
	})
}

// readThing must never fail, whatever becomes of the replica. It returns 200 or 404.
func readThing(t *testing.T, p *process, path string, headers ...string) int {
	t.Helper()
	c := &wireClient{address: strings.TrimPrefix(p.url(), "http://"), headers: strings.Join(append(headers, ""), "\r\n")}
	defer c.hangUp()
	a, err := c.do(http.MethodGet, path, "")
	if err != nil || a.status != http.StatusOK && a.status != http.StatusNotFound && a.status != http.StatusNotModified {
		t.Errorf("GET %s: %d, %v", path, a.status, err)
	}
	return a.status
}

// TestFaultReplicaOwnWrite: a client that has just written finds its row, on a
// replica that does not have it yet, if it sends its ETag or wants no cache.
func TestFaultReplicaOwnWrite(t *testing.T) {
	t.Parallel()
	primary, replica := startReplica(t, nil)
	p := readingFrom(t, primary.URL(), replica.URL(), "600")
	resume := holdReplay(t, replica.URL())
	a, _ := create(t, p, "just now")
	path, tag := a.header.Get("Location"), a.header.Get("ETag")
	p.until("without a word of it the replica answers", func() bool { return readThing(t, p, path) == http.StatusNotFound })
	for _, test := range []struct {
		header string
		want   int
	}{
		{"If-None-Match: " + tag, http.StatusNotModified},
		{`If-None-Match: "0"`, http.StatusOK},
		{"If-Match: " + tag, http.StatusOK},
		{"Cache-Control: max-age=0, No-Cache", http.StatusOK},
	} {
		if status := readThing(t, p, path, test.header); status != test.want {
			t.Errorf("GET with %s: %d, want %d", test.header, status, test.want)
		}
	}
	patched(t, p, path, http.StatusOK) // reads before it writes
	resume()
	p.until("the replica has it", func() bool { return readThing(t, p, path) == http.StatusOK })
	if figures := get(t, p.url()+"/health/db").body; !strings.Contains(figures, `"replica":{"size":2,"max_overflow":8,`) {
		t.Errorf("/health/db without the replica's pool: %s", figures)
	}
}

// TestFaultReplicaLag: reads leave a replica that is too far behind, also if it
// has told so by no error, and come back. One that has nothing to replay is not
// behind.
func TestFaultReplicaLag(t *testing.T) {
	t.Parallel()
	primary, replica := startReplica(t, nil)
	p := readingFrom(t, primary.URL(), replica.URL(), "2")
	time.Sleep(3 * time.Second) // without a write
	readsThere(t, p)
	check := start(t, map[string]string{"DATABASE_URL": primary.URL(), "DATABASE_READ_URL": replica.URL()}, "check")
	check.status()
	check.await("✓ read replica: a standby of the primary, [0-9]+ bytes behind")
	resume := holdReplay(t, replica.URL())
	a, _ := create(t, p, "unseen")
	p.until("reads leave the replica", func() bool { return readThing(t, p, a.header.Get("Location")) == http.StatusOK })
	dbtest.Eventually(t, "its age is told", func() bool { return metric(t, p, "db_replica_lag_seconds") > 2 })
	for range 20 {
		if status := readThing(t, p, a.header.Get("Location")); status != http.StatusOK {
			t.Errorf("a read behind the limit: %d, want 200", status)
		}
	}
	resume()
	readsThere(t, p)
	if a := get(t, p.url()+"/health/ready"); a.status != http.StatusOK {
		t.Errorf("ready: %d", a.status)
	}
}

// TestFaultReplicaPrimaryAway: while the primary does not answer nobody knows how
// old the replica is, which may follow a new primary no more than this service.
func TestFaultReplicaPrimaryAway(t *testing.T) {
	t.Parallel()
	primary, replica := startReplica(t, nil)
	proxy := dbtest.NewProxy(t, primary.URL())
	p := readingFrom(t, proxy.URL(), replica.URL(), "2")
	proxy.Refuse()
	proxy.Reset()
	dbtest.Eventually(t, "reads leave the replica", func() bool { return get(t, p.url()+"/things").status == http.StatusServiceUnavailable })
	if lag := metric(t, p, "db_replica_lag_seconds"); lag < 2 {
		t.Errorf("the replica is said to be %v s behind", lag)
	}
	proxy.Pass()
	readsThere(t, p)
}

// TestFaultReplicaAway: no read fails while the replica is killed, hangs and
// comes back, nor when it is promoted; and the instance stays ready.
func TestFaultReplicaAway(t *testing.T) {
	t.Parallel()
	primary, replica := startReplica(t, nil)
	proxy := dbtest.NewProxy(t, replica.URL())
	p := readingFrom(t, primary.URL(), proxy.URL(), "2")
	stop := keepReading(t, p)
	fault := func(name string, begin, end func()) {
		begin()
		until := time.Now().Add(3 * time.Second)
		if a := get(t, p.url()+"/health/ready"); a.status != http.StatusOK {
			t.Errorf("%s: ready: %d", name, a.status)
		}
		time.Sleep(time.Until(until))
		end()
		readsThere(t, p)
	}
	fault("killed", replica.Kill, func() {
		if err := replica.Restart(t.Context()); err != nil {
			t.Error(err)
		}
	})
	fault("cut off", func() { proxy.Refuse(); proxy.Reset() }, proxy.Pass)
	n, _ := stop()
	t.Logf("%d reads", n)
	// Nobody is in the middle of a statement, which would wait for REQUEST_TIMEOUT.
	fault("dead without a word", func() { proxy.BlackHole(); keepsReading(t, p) }, proxy.Pass)
	dbtest.Exec(t, replica.URL(), "SELECT pg_promote()")
	a, _ := create(t, p, "after the promotion")
	p.until("reads leave what no longer follows", func() bool { return readThing(t, p, a.header.Get("Location")) == http.StatusOK })
	whole(t, p, primary.URL())
}

// keepsReading reads for 3 s, without a read that takes long.
func keepsReading(t *testing.T, p *process) {
	t.Helper()
	stop := keepReading(t, p)
	time.Sleep(3 * time.Second)
	n, slowest := stop()
	t.Logf("%d reads, the slowest in %v", n, slowest.Round(time.Millisecond))
	if slowest > patience/2 { // a second, on a machine with time to spare; DB_POOL_TIMEOUT is 30 s
		t.Errorf("a read took %v", slowest)
	}
}

// keepReading reads until stop is called.
func keepReading(t *testing.T, p *process) (stop func() (n int, slowest time.Duration)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var clients sync.WaitGroup
	var n int
	var slowest time.Duration
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				sent := time.Now()
				readThing(t, p, "/things")
				mu.Lock()
				n, slowest = n+1, max(slowest, time.Since(sent))
				mu.Unlock()
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	return func() (int, time.Duration) {
		cancel()
		clients.Wait()
		return n, slowest
	}
}
