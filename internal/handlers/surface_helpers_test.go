package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/handlers"
	"example.com/transcription-api/internal/web/app"
)

// surfacePatience bounds every wait for something that must happen; reaching it is a failure.
const surfacePatience = time.Minute

// surface is the API on a real listener, over a database of the test's own.
type surface struct {
	URL   string // of the API
	db    string // URL of its database
	conn  *db.DB
	state *handlers.State
	log   *surfaceLog
}

type surfaceSettings struct {
	db     db.Options
	api    handlers.Options
	server http.Server
}

// surfaceStart serves the API; change may alter its settings.
func surfaceStart(t testing.TB, change ...func(*surfaceSettings)) *surface {
	t.Helper()
	s := &surface{state: new(handlers.State), log: new(surfaceLog)}
	log := slog.New(handlers.LogHandler(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	settings := surfaceSettings{
		db: db.Options{
			PoolSize: 2, MaxOverflow: 13, PoolTimeout: surfacePatience, Recycle: time.Hour, PrePing: true,
			OverflowIdle: 30 * time.Second, ConnectTimeout: 10 * time.Second, StatementTimeout: surfacePatience, Logger: log,
		},
		api: handlers.Options{Log: log, State: s.state, Settings: app.Settings{RequestTimeout: surfacePatience, MaxBodyBytes: 1 << 20}},
	}
	for _, set := range change {
		set(&settings)
	}
	if settings.db.URL == "" {
		settings.db.URL = dbtest.New(t)
	}
	s.db, s.conn = settings.db.URL, surfaceOpen(t, settings.db)
	settings.api.DB = s.conn
	handler, err := handlers.New(settings.api)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Config.ReadTimeout = settings.server.ReadTimeout
	server.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	server.Start()
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

func surfaceOpen(t testing.TB, opts db.Options) *db.DB {
	t.Helper()
	conn, err := db.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), surfacePatience)
		defer cancel()
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// surfaceAnswer is what came back.
type surfaceAnswer struct {
	status int
	header http.Header
	body   string
}

// do sends one request. Headers are "Name: value"; one of POST and PATCH without Content-Type gets JSON's, and
// "Content-Type:" none at all.
func (s *surface) do(t testing.TB, method, path, body string, headers ...string) surfaceAnswer {
	t.Helper()
	answer, err := s.try(t, method, path, strings.NewReader(body), headers...)
	if err != nil {
		t.Fatalf("%s %.200s: %v", method, path, err)
	}
	return answer
}

func (s *surface) try(t testing.TB, method, path string, body io.Reader, headers ...string) (surfaceAnswer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost || method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/json")
	}
	given := http.Header{}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ":")
		given.Add(name, strings.TrimPrefix(value, " "))
	}
	for name, values := range given {
		if req.Header[name] = values; values[0] == "" && name == "Content-Type" {
			delete(req.Header, name)
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return surfaceAnswer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return surfaceAnswer{resp.StatusCode, resp.Header, string(text)}, err
}

// create posts an item and returns its path.
func (s *surface) create(t testing.TB) string {
	t.Helper()
	answer := s.do(t, "POST", "/items", surfaceItem)
	if answer.status != http.StatusCreated {
		t.Fatalf("POST /items: %+v", answer)
	}
	return answer.header.Get("Location")
}

const surfaceItem = `{"title":"Interview","audio_url":"https://example.com/a.wav"}`

// rows counts the items that are stored.
func (s *surface) rows(t testing.TB) int {
	t.Helper()
	return dbtest.Ask[int](t, s.db, "SELECT count(*) FROM items")
}

// summary is an answer in one line: its status and, of an error, the fields at fault or else the detail.
func (a surfaceAnswer) summary() string {
	var p struct {
		Detail string
		Errors []struct{ Field, Message string }
	}
	if a.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal([]byte(a.body), &p) != nil {
		return fmt.Sprint(a.status)
	}
	if len(p.Errors) == 0 {
		return fmt.Sprint(a.status, " ", p.Detail)
	}
	var faults []string
	for _, fault := range p.Errors {
		faults = append(faults, fault.Field+": "+fault.Message)
	}
	return fmt.Sprint(a.status, " ", strings.Join(faults, "; "))
}

// checkProblem holds an error's form: RFC 9457, the request's id, and the headers that every answer has.
func (a surfaceAnswer) checkProblem(t testing.TB, what string) {
	t.Helper()
	var p map[string]any
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Errorf("%s: %q: %v", what, a.body, err)
		return
	}
	if p["type"] != "about:blank" || p["status"] != float64(a.status) || p["title"] == "" || p["detail"] == "" ||
		p["request_id"] != a.header.Get("X-Request-Id") || p["request_id"] == "" ||
		a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: not a problem document: %v %s", what, a.header, a.body)
	}
}

// surfaceLog holds what is logged.
type surfaceLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *surfaceLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *surfaceLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// find waits for a line with the message and a member of that value, and returns the line.
func (l *surfaceLog) find(t testing.TB, msg, member string, value any) map[string]any {
	t.Helper()
	for deadline := time.Now().Add(surfacePatience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for line := range strings.Lines(l.String()) {
			var entry map[string]any
			if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == msg && entry[member] == value {
				return entry
			}
		}
	}
	t.Fatalf("no line %q with %s=%v in the log:\n%s", msg, member, value, l)
	return nil
}

// surfaceExec runs a statement beside the API.
func surfaceExec(t testing.TB, s *surface, sql string, args ...any) {
	t.Helper()
	dbtest.Exec(t, s.db, sql, args...)
}
