package app_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

const watchedThing = `{"title":"Interview","link":"https://example.com/a.wav"}`

// watched is a running API whose log and figures a test reads.
type watched struct {
	t        *testing.T
	database string
	url      string
	admin    http.Handler
	log      *dbtest.Log
}

// watch serves the API with a pool of 2 + 1, its settings changed by change,
// beside routes that fail in ways in which the API's own do not.
func watch(t *testing.T, change func(*db.Options)) *watched {
	t.Helper()
	w := &watched{t: t, database: dbtest.Things(t), log: new(dbtest.Log)}
	log := slog.New(app.LogHandler(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	options := db.Options{
		URL: w.database, PoolSize: 2, MaxOverflow: 1, PoolTimeout: time.Minute, Recycle: time.Hour, PrePing: true,
		OverflowIdle: time.Minute, ConnectTimeout: 10 * time.Second, StatementTimeout: time.Minute, Logger: log,
	}
	if change != nil {
		change(&options)
	}
	conn, err := db.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	metrics := app.NewMetrics(conn)
	engine, err := app.NewEngine(app.Options{
		DB: conn, Log: log, State: new(app.State), Metrics: metrics, Settings: app.Settings{RequestTimeout: 2 * time.Minute, MaxBodyBytes: 1 << 20},
	}, webtest.Things())
	if err != nil {
		t.Fatal(err)
	}
	engine.GET("/panic", func(*gin.Context) { panic("boom") })
	engine.POST("/panic/late", func(c *gin.Context) {
		c.String(http.StatusOK, "half")
		panic("boom")
	})
	engine.POST("/panic/gone", func(*gin.Context) { panic(fmt.Errorf("write: %w", syscall.EPIPE)) })
	server := httptest.NewServer(engine)
	t.Cleanup(server.Close)
	w.url, w.admin = server.URL, metrics.Handler()
	return w
}

// send makes one request; name, value pairs are its headers. The error is for
// requests that are cut.
func (w *watched) send(ctx context.Context, method, path, body string, headers ...string) (status int, answer string, err error) {
	request, err := http.NewRequestWithContext(ctx, method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Error(err)
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return response.StatusCode, string(data), err
}

// must is send for requests that get an answer, which must have this status.
func (w *watched) must(status int, method, path, body string, headers ...string) string {
	w.t.Helper()
	got, answer, err := w.send(w.t.Context(), method, path, body, headers...)
	if err != nil || got != status {
		w.t.Fatalf("%s %s: %d %v %s, want %d", method, path, got, err, answer, status)
	}
	return answer
}

// figures scrapes: each series with its value, and which of them are counters.
func (w *watched) figures() (values map[string]float64, counters map[string]bool) {
	w.t.Helper()
	recorder := httptest.NewRecorder()
	w.admin.ServeHTTP(recorder, httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "/metrics", nil))
	if recorder.Code != http.StatusOK {
		w.t.Fatalf("scrape: %d %s", recorder.Code, recorder.Body)
	}
	values, counters = map[string]float64{}, map[string]bool{}
	counting := false
	for line := range strings.Lines(recorder.Body.String()) {
		line = strings.TrimSpace(line)
		if kind, ok := strings.CutPrefix(line, "# TYPE "); ok {
			counting = strings.HasSuffix(kind, " counter") || strings.HasSuffix(kind, " histogram")
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		space := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			w.t.Fatalf("%s: %v", line, err)
		}
		values[line[:space]], counters[line[:space]] = value, counting
	}
	return values, counters
}

// figure is one series' value now.
func (w *watched) figure(series string) float64 {
	w.t.Helper()
	values, _ := w.figures()
	value, ok := values[series]
	if !ok {
		w.t.Fatalf("no %s", series)
	}
	return value
}

// until polls, since most of what is watched happens in other goroutines.
func (w *watched) until(what string, done func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: not within a minute\n%s", what, w.log)
		}
	}
}

// lockThings makes all requests that read or write things wait until unlock.
func (w *watched) lockThings() (unlock func()) {
	w.t.Helper()
	tx, err := dbtest.Connect(w.t, w.database).Begin(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := tx.Exec(w.t.Context(), "LOCK TABLE test_things IN ACCESS EXCLUSIVE MODE"); err != nil {
		w.t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(w.t.Context()); err != nil {
			w.t.Error(err)
		}
	}
}

// server connects to the database server, not to the test's database.
func (w *watched) server() *pgx.Conn {
	w.t.Helper()
	cfg, err := pgx.ParseConfig(w.database)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.Database = "postgres"
	conn, err := pgx.ConnectConfig(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// lines returns the log's lines with this message, and for requests this id.
func (w *watched) lines(message, id string) []map[string]any {
	w.t.Helper()
	var found []map[string]any
	for _, line := range w.log.Lines(w.t, message) {
		if line["msg"] == message && (id == "" || line["request_id"] == id) {
			found = append(found, line)
		}
	}
	return found
}
