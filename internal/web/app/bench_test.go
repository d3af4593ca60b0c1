package app_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// What a request costs without net/http: all middlewares, the session, GORM, the answer and the access line, as in
// production. Run them by make bench-micro.

// benchService is a service with one thing, whose log goes nowhere.
func benchService(b *testing.B) http.Handler {
	b.Helper()
	log := slog.New(app.LogHandler(slog.NewJSONHandler(app.EscapeJSON(io.Discard), nil)))
	conn := dbtest.Open(b, db.Options{
		URL: dbtest.Things(b), PoolSize: 1, PoolTimeout: time.Minute, Recycle: time.Hour, PrePing: true, OverflowIdle: time.Minute,
		ConnectTimeout: 10 * time.Second, StatementTimeout: time.Minute, LeakThreshold: time.Minute, Logger: log,
	})
	service, err := webtest.New(app.Options{
		DB: conn, Log: log, State: new(app.State), Metrics: app.NewMetrics(conn),
		Settings: app.Settings{RequestTimeout: time.Minute, MaxBodyBytes: 1 << 20},
	})
	if err != nil {
		b.Fatal(err)
	}
	return service
}

func benchAsk(b *testing.B, service http.Handler, status int, method, path, body string) {
	b.Helper()
	req := httptest.NewRequestWithContext(b.Context(), method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	service.ServeHTTP(answer, req)
	if answer.Code != status {
		b.Fatalf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
}

func BenchmarkRequest(b *testing.B) {
	for name, test := range map[string]struct {
		method, path, body string
		status             int
	}{
		"live":   {"GET", "/health/live", "", 200},
		"get":    {"GET", "/things/1", "", 200},
		"list":   {"GET", "/things", "", 200},
		"create": {"POST", "/things", `{"title":"a","link":"https://example.com/a.wav"}`, 201},
	} {
		b.Run(name, func(b *testing.B) {
			service := benchService(b)
			for range 30 {
				benchAsk(b, service, 201, "POST", "/things", `{"title":"a","link":"https://example.com/a.wav"}`)
			}
			b.ReportAllocs()
			for b.Loop() {
				benchAsk(b, service, test.status, test.method, test.path, test.body)
			}
		})
	}
}
