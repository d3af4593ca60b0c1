package app_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// watch is serve with a pool of 2 + 1, for tests that read its log and figures.
func watch(t *testing.T, change ...func(*db.Options)) *served {
	t.Helper()
	return serve(t, nil, func(c *settings) {
		c.DB.PoolSize, c.DB.MaxOverflow = 2, 1
		for _, set := range change {
			set(&c.DB)
		}
	})
}

// servePanics adds routes that fail in ways in which the API's own do not.
func servePanics(engine *gin.Engine) {
	engine.GET("/panic", func(*gin.Context) { panic("boom") })
	engine.POST("/panic/late", func(c *gin.Context) {
		c.String(http.StatusOK, "half")
		panic("boom")
	})
	engine.POST("/panic/gone", func(*gin.Context) { panic(fmt.Errorf("write: %w", syscall.EPIPE)) })
}

// want sends a request whose answer must have this status, and returns its body.
func (w *served) want(status int, method, path, body string, headers ...string) string {
	w.t.Helper()
	answer := w.Do(w.t, method, path, body, headers...)
	if answer.Status != status {
		w.t.Fatalf("%s %s: %d %s, want %d", method, path, answer.Status, answer.Body, status)
	}
	return answer.Body
}

// figures scrapes: each series with its value, and which of them are counters.
func (w *served) figures() (values map[string]float64, counters map[string]bool) {
	w.t.Helper()
	recorder := httptest.NewRecorder()
	w.metrics.ServeHTTP(recorder, httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "/metrics", nil))
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
func (w *served) figure(series string) float64 {
	w.t.Helper()
	values, _ := w.figures()
	value, ok := values[series]
	if !ok {
		w.t.Fatalf("no %s", series)
	}
	return value
}

// lockThings makes all requests that read or write things wait until unlock.
func (w *served) lockThings() (unlock func()) {
	w.t.Helper()
	tx, err := dbtest.Connect(w.t, w.Database).Begin(w.t.Context())
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
func (w *served) server() *pgx.Conn {
	w.t.Helper()
	cfg, err := pgx.ParseConfig(w.Database)
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
func (w *served) lines(message, id string) []map[string]any {
	w.t.Helper()
	var found []map[string]any
	for _, line := range w.Log.Lines(w.t, message) {
		if line["msg"] == message && (id == "" || line["request_id"] == id) {
			found = append(found, line)
		}
	}
	return found
}
