package app_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/webtest"
)

// TestMetricsDatabaseDown takes the database away and gives it back: db_up
// follows without any request, and the other figures are served meanwhile.
func TestMetricsDatabaseDown(t *testing.T) {
	t.Parallel()
	w := watch(t)
	if up := w.figure("db_up"); up != 1 {
		t.Fatalf("db_up is %v, want 1", up)
	}
	server := w.server()
	allowConnections(t, server, w.Database, false)
	terminate(t, server, w.Database)
	dbtest.Eventually(t, "db_up is 0", func() bool { return w.figure("db_up") == 0 })
	if size := w.figure("db_pool_size"); size != 2 {
		t.Errorf("db_pool_size is %v, want 2", size)
	}
	allowConnections(t, server, w.Database, true)
	dbtest.Eventually(t, "db_up is 1", func() bool { return w.figure("db_up") == 1 })
}

// TestMetricsExhaustedIsUp: a pool without a free connection is busy; the
// database is still there.
func TestMetricsExhaustedIsUp(t *testing.T) {
	t.Parallel()
	w := watch(t, func(o *db.Options) { o.PoolSize, o.MaxOverflow = 1, 0 })
	unlock := w.lockThings()
	answer := w.later("GET", "/things", "")
	dbtest.Eventually(t, "the connection is out", func() bool { return w.figure("db_pool_checked_out") == 1 })
	if up := w.figure("db_up"); up != 1 {
		t.Errorf("db_up is %v, want 1", up)
	}
	unlock()
	<-answer
}

// TestMetricsCountersNeverFall scrapes while clients write and their backends
// are terminated.
func TestMetricsCountersNeverFall(t *testing.T) {
	t.Parallel()
	w := watch(t)
	server, stop := w.server(), make(chan struct{})
	var clients sync.WaitGroup
	for range 6 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = w.Try(t.Context(), "POST", "/things", strings.NewReader(webtest.Body))
				}
			}
		})
	}
	last := map[string]float64{}
	scrape := func() {
		values, counters := w.figures()
		for series, value := range values {
			if counters[series] && value < last[series] {
				t.Errorf("%s fell from %v to %v", series, last[series], value)
			}
		}
		last = values
	}
	dbtest.Eventually(t, "ten requests, each after connections were replaced", func() bool {
		terminate(t, server, w.Database)
		for range 5 {
			scrape()
		}
		return last["db_pool_connections_invalidated_total"] >= 10 && last[`http_requests_total{method="POST",route="/things",status="201"}`] >= 10
	})
	close(stop)
	clients.Wait()
	scrape()
	if opened, gone := last["db_pool_connections_opened_total"], last["db_pool_connections_invalidated_total"]; opened < gone {
		t.Errorf("%v opened, %v invalidated: more than there were", opened, gone)
	}
	if recycled := last["db_pool_connections_recycled_total"]; recycled != 0 {
		t.Errorf("%v recycled: none was old enough", recycled)
	}
}

// TestMetricsRecycled counts connections that are replaced for their age as
// such, and not as dead ones.
func TestMetricsRecycled(t *testing.T) {
	t.Parallel()
	w := watch(t, func(o *db.Options) { o.Recycle, o.OverflowIdle = 300*time.Millisecond, time.Second })
	dbtest.Eventually(t, "four are replaced", func() bool { return w.figure("db_pool_connections_recycled_total") >= 4 })
	got, _ := w.figures()
	if opened := got["db_pool_connections_opened_total"]; opened < 4 {
		t.Errorf("%v opened, %v recycled", opened, got["db_pool_connections_recycled_total"])
	}
	if gone := got["db_pool_connections_invalidated_total"]; gone != 0 {
		t.Errorf("%v invalidated: none was dead", gone)
	}
}

func databaseOf(t *testing.T, url string) string {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Database
}

func allowConnections(t *testing.T, server *pgx.Conn, url string, allow bool) {
	t.Helper()
	sql := fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS %t", pgx.Identifier{databaseOf(t, url)}.Sanitize(), allow)
	if _, err := server.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// terminate ends all connections to a test's database, and to no other.
func terminate(t *testing.T, server *pgx.Conn, url string) {
	t.Helper()
	const sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1"
	if _, err := server.Exec(t.Context(), sql, databaseOf(t, url)); err != nil {
		t.Fatal(err)
	}
}
