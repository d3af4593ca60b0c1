// Package webtest serves an API in a test, over a database of the test's own, and
// asks it. Things is a resource to test the machinery on.
package webtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/apitest"
	"example.com/transcription-api/internal/web/app"
)

// Server is the API on a real listener, over a database of the test's own.
type Server struct {
	URL      string // of the API
	Database string // URL of its database
	DB       *db.DB
	State    *app.State
	Log      *dbtest.Log
}

type Settings struct {
	DB     db.Options
	API    app.Options
	Server http.Server
}

// Start serves an API; change may alter its settings.
func Start(t testing.TB, api func(app.Options) (http.Handler, error), change ...func(*Settings)) *Server {
	t.Helper()
	s := &Server{State: new(app.State), Log: new(dbtest.Log)}
	log := slog.New(app.LogHandler(slog.NewJSONHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	settings := Settings{
		DB: db.Options{
			PoolSize: 2, MaxOverflow: 13, PoolTimeout: dbtest.Patience, Recycle: time.Hour, PrePing: true,
			OverflowIdle: 30 * time.Second, ConnectTimeout: 10 * time.Second, StatementTimeout: dbtest.Patience,
			IdleInTransactionTimeout: dbtest.Patience, Logger: log,
		},
		API: app.Options{Log: log, State: s.State, Settings: app.Settings{RequestTimeout: dbtest.Patience, MaxBodyBytes: 1 << 20}},
	}
	for _, set := range change {
		set(&settings)
	}
	if settings.DB.URL == "" {
		settings.DB.URL = dbtest.New(t)
	}
	s.Database, s.DB = settings.DB.URL, dbtest.Open(t, settings.DB)
	settings.API.DB = s.DB
	handler, err := api(settings.API)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Config.ReadTimeout = settings.Server.ReadTimeout
	server.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	server.Start()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the service's log:\n%s", s.Log)
		}
		server.CloseClientConnections() // some tests do not read their answers
		server.Close()
	})
	s.URL = server.URL
	return s
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Documented is an API of which every answer is held against its own document.
func Documented(t testing.TB, api func(app.Options) (http.Handler, error)) func(app.Options) (http.Handler, error) {
	return func(o app.Options) (http.Handler, error) {
		handler, err := api(o)
		if err != nil {
			return nil, err
		}
		return apitest.Conform(t, handler), nil
	}
}

// Do sends one request. Headers are "Name: value", or "" for none; one of POST and PATCH without Content-Type gets JSON's, and
// "Content-Type:" none at all.
func (s *Server) Do(t testing.TB, method, path, body string, headers ...string) Answer {
	t.Helper()
	answer, err := s.Try(t.Context(), method, path, strings.NewReader(body), headers...)
	if err != nil {
		t.Fatalf("%s %.200s: %v", method, path, err)
	}
	return answer
}

// Try is Do for a request that may get no answer.
func (s *Server) Try(ctx context.Context, method, path string, body io.Reader, headers ...string) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		return Answer{}, err
	}
	if method == http.MethodPost || method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/json")
	}
	given := http.Header{}
	for _, header := range headers {
		name, value, ok := strings.Cut(header, ":")
		if !ok {
			continue
		}
		given.Add(name, strings.TrimPrefix(value, " "))
	}
	for name, values := range given {
		if req.Header[name] = values; values[0] == "" && name == "Content-Type" {
			delete(req.Header, name)
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, string(text)}, err
}

// Summary is an answer in one line: its status and, of an error, the fields at fault or else the detail.
func (a Answer) Summary() string {
	var p struct {
		Detail string
		Errors []struct{ Field, Message string }
	}
	if a.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal([]byte(a.Body), &p) != nil {
		return fmt.Sprint(a.Status)
	}
	if len(p.Errors) == 0 {
		return fmt.Sprint(a.Status, " ", p.Detail)
	}
	var faults []string
	for _, fault := range p.Errors {
		faults = append(faults, fault.Field+": "+fault.Message)
	}
	return fmt.Sprint(a.Status, " ", strings.Join(faults, "; "))
}

// CheckProblem holds an error's form: RFC 9457, the request's id, and the headers that every answer has.
func (a Answer) CheckProblem(t testing.TB, what string) {
	t.Helper()
	var p map[string]any
	if err := json.Unmarshal([]byte(a.Body), &p); err != nil {
		t.Errorf("%s: %q: %v", what, a.Body, err)
		return
	}
	if p["type"] != "about:blank" || p["status"] != float64(a.Status) || p["title"] == "" || p["detail"] == "" ||
		p["request_id"] != a.Header.Get("X-Request-Id") || p["request_id"] == "" ||
		a.Header.Get("Content-Type") != "application/problem+json" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: not a problem document: %v %s", what, a.Header, a.Body)
	}
}

// Logged waits for a line with the message and a member of that value, and returns the line.
func (s *Server) Logged(t testing.TB, msg, member string, value any) (line map[string]any) {
	t.Helper()
	dbtest.Eventually(t, fmt.Sprintf("a line %q with %s=%v in the log", msg, member, value), func() bool {
		for _, entry := range s.Log.Lines(t, msg) {
			if entry["msg"] == msg && entry[member] == value {
				line = entry
			}
		}
		return line != nil
	})
	return line
}

// StartThings serves Things.
func StartThings(t testing.TB, change ...func(*Settings)) *Server {
	t.Helper()
	return Start(t, New, append([]func(*Settings){func(s *Settings) {
		s.DB.URL = dbtest.Things(t)
	}}, change...)...)
}

// Create posts a thing and returns its path.
func (s *Server) Create(t testing.TB) string {
	t.Helper()
	answer := s.Do(t, "POST", "/things", Body)
	if answer.Status != http.StatusCreated {
		t.Fatalf("POST /things: %+v", answer)
	}
	return answer.Header.Get("Location")
}

// Rows counts the things that are stored.
func (s *Server) Rows(t testing.TB) int {
	t.Helper()
	return dbtest.Ask[int](t, s.Database, "SELECT count(*) FROM test_things")
}

// Exec runs a statement beside the API.
func (s *Server) Exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	dbtest.Exec(t, s.Database, sql, args...)
}

// Unserved is an API without a database, for what needs none.
func Unserved(t testing.TB, api func(app.Options) (http.Handler, error)) http.Handler {
	t.Helper()
	handler, err := api(app.Options{
		Log: slog.New(slog.DiscardHandler), State: new(app.State), Settings: app.Settings{RequestTimeout: dbtest.Patience, MaxBodyBytes: 1 << 20},
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}
