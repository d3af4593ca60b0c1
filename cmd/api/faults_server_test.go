//go:build faults

package main

import (
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/devdb"
)

// startPostgres starts a server of the test's own, with things in it, which it may stop and crash.
func startPostgres(t *testing.T, settings map[string]string) *devdb.Server {
	t.Helper()
	server := dbtest.Server(t, devdb.Options{Settings: settings})
	dbtest.MigrateThings(t, server.URL())
	return server
}

// everybody counts the connections to a database, without those that count.
const everybody = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND application_name NOT IN ('counter', 'dbtest')"

// backends asks PostgreSQL how many connections the API has.
func backends(t *testing.T, url string) (n int) {
	t.Helper()
	return count(t, url, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND starts_with(application_name, 'transcription-api ')")
}

// count returns the one number that a query yields.
func count(t *testing.T, url, query string, args ...any) (n int) {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.RuntimeParams["application_name"] = "counter"
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// poolFigures is what /health/db tells of the pool.
type poolFigures struct {
	Status string
	Pool   struct {
		Size       int
		CheckedIn  int `json:"checked_in"`
		CheckedOut int `json:"checked_out"`
		Waiting    int
	}
}

func pool(t *testing.T, base string) (f poolFigures) {
	t.Helper()
	if err := json.Unmarshal([]byte(get(t, base+"/health/db").body), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// whole waits until the pool has its connections and nobody holds one, and
// PostgreSQL sees as many as the pool.
func whole(t *testing.T, p *process, url string) {
	t.Helper()
	var f poolFigures
	var there int
	p.until("the pool is whole", func() bool {
		f, there = pool(t, p.url()), backends(t, url)
		return f.Status == "ok" && f.Pool.CheckedOut == 0 && f.Pool.Waiting == 0 && f.Pool.CheckedIn >= f.Pool.Size && f.Pool.CheckedIn == there
	})
	t.Logf("the pool at the end: %+v, %d backends", f.Pool, there)
}
