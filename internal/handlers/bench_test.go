package handlers_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/handlers"
)

const (
	benchClients = 16
	benchRounds  = 7
	benchRound   = time.Second
)

// BenchmarkGetAgainstFloor serves GET /items/{id} twice, by this service and by
// hand-written net/http and pgx with the same transaction, and measures both in
// turns. The figure to look at is the ratio; the rest depends on the machine.
func BenchmarkGetAgainstFloor(b *testing.B) {
	url := dbtest.New(b)
	dbtest.Exec(b, url, `INSERT INTO items (id, title, audio_url) VALUES (1, 'Interview', 'https://example.com/a.wav')`)
	api, floor := serveBench(b, benchAPI(b, url)), serveBench(b, benchFloor(b, url))
	for b.Loop() {
		ratios := make([]float64, benchRounds)
		for i := range ratios {
			ours, theirs := throughput(b, api), throughput(b, floor)
			ratios[i] = ours / theirs
			b.Logf("round %d: %.0f requests/s, floor %.0f, ratio %.2f", i+1, ours, theirs, ratios[i])
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "of-floor")
	}
}

func benchAPI(b *testing.B, url string) http.Handler {
	log := slog.New(handlers.LogHandler(slog.NewJSONHandler(io.Discard, nil)))
	conn, err := db.Open(b.Context(), db.Options{
		URL: url, PoolSize: 5, MaxOverflow: 10, PoolTimeout: 30 * time.Second, Recycle: time.Hour, PrePing: true,
		OverflowIdle: 30 * time.Second, ConnectTimeout: 5 * time.Second, StatementTimeout: 30 * time.Second,
		IdleInTransactionTimeout: time.Minute, SlowQuery: time.Second, Logger: log,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(context.Background()) })
	handler, err := handlers.New(handlers.Options{
		DB: conn, Log: log, State: new(handlers.State), Metrics: handlers.NewMetrics(conn),
		RequestTimeout: time.Minute, MaxBodyBytes: 1 << 20,
	})
	if err != nil {
		b.Fatal(err)
	}
	return handler
}

// benchFloor is the least that does the same: no middleware, no log, no ORM.
func benchFloor(b *testing.B, url string) http.Handler {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		b.Fatal(err)
	}
	cfg.MaxConns, cfg.MinConns = 15, 5
	pool, err := pgxpool.NewWithConfig(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/items/"), 10, 64)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		found, err := floorItem(r.Context(), pool, id)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(found)
	})
}

type floorRow struct {
	ID              int64     `json:"id"`
	Title           string    `json:"title"`
	AudioURL        string    `json:"audio_url"`
	Language        string    `json:"language"`
	Status          string    `json:"status"`
	Transcript      *string   `json:"transcript"`
	DurationSeconds *float64  `json:"duration_seconds"`
	Error           *string   `json:"error"`
	CreatedAt       time.Time `json:"created_at"`
	UpdatedAt       time.Time `json:"updated_at"`
}

func floorItem(ctx context.Context, pool *pgxpool.Pool, id int64) (row floorRow, err error) {
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT id, title, audio_url, language, status, transcript, duration_seconds, error, created_at, updated_at
			FROM items WHERE id = $1`, id).Scan(&row.ID, &row.Title, &row.AudioURL, &row.Language, &row.Status,
			&row.Transcript, &row.DurationSeconds, &row.Error, &row.CreatedAt, &row.UpdatedAt)
	})
	return row, err
}

func serveBench(b *testing.B, handler http.Handler) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: handler}
	go func() { _ = srv.Serve(ln) }()
	b.Cleanup(func() { srv.Close() })
	return "http://" + ln.Addr().String() + "/items/1"
}

// throughput is requests a second with benchClients clients.
func throughput(b *testing.B, url string) float64 {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchClients}}
	defer client.CloseIdleConnections()
	var done atomic.Int64
	var clients sync.WaitGroup
	start := time.Now()
	for range benchClients {
		clients.Go(func() {
			for time.Since(start) < benchRound {
				response, err := client.Get(url)
				if err != nil || response.StatusCode != http.StatusOK {
					b.Errorf("GET: %v %v", response, err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				done.Add(1)
			}
		})
	}
	clients.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}
