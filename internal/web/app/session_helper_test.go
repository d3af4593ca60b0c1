package app_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// sessionPatience bounds every wait for something that must happen; reaching it is a failure.
const sessionPatience = 30 * time.Second

// sessionAPI is the API, served with routes of the test's own beside its own.
type sessionAPI struct {
	t    *testing.T
	db   *db.DB
	url  string // of the database
	base string // of the server
	log  *dbtest.Log
}

// sessionConfig is what a test may choose. TEST_DB_POOL_SIZE=1 is for those that do not choose: no request may need two connections.
type sessionConfig struct {
	db      db.Options
	api     app.Options
	before  []gin.HandlerFunc  // of the test's own routes, before the session
	session []db.SessionOption // of their session
}

func sessionDefaults(t *testing.T, url string, log *slog.Logger) *sessionConfig {
	t.Helper()
	size, overflow := 5, 10
	if text := os.Getenv("TEST_DB_POOL_SIZE"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("TEST_DB_POOL_SIZE: %v", err)
		}
		size, overflow = n, 0
	}
	return &sessionConfig{
		db: db.Options{
			URL: url, PoolSize: size, MaxOverflow: overflow, PoolTimeout: sessionPatience, Recycle: time.Hour, PrePing: true,
			OverflowIdle: 30 * time.Second, ConnectTimeout: 10 * time.Second, StatementTimeout: time.Minute,
			IdleInTransactionTimeout: time.Minute, Logger: log,
		},
		api: app.Options{Log: log, State: new(app.State), Settings: app.Settings{RequestTimeout: sessionPatience, MaxBodyBytes: 1 << 20}},
	}
}

// sessionServe serves the API, and below /t the routes that the test adds to a group with a session.
func sessionServe(t *testing.T, routes func(gin.IRouter), change ...func(*sessionConfig)) *sessionAPI {
	t.Helper()
	a := &sessionAPI{t: t, url: dbtest.Things(t), log: new(dbtest.Log)}
	cfg := sessionDefaults(t, a.url, slog.New(app.LogHandler(slog.NewJSONHandler(a.log, nil))))
	for _, set := range change {
		set(cfg)
	}
	var err error
	a.db, err = db.Open(t.Context(), cfg.db)
	a.must(err)
	cfg.api.DB = a.db
	engine, err := app.NewEngine(cfg.api, webtest.Things())
	a.must(err)
	if routes != nil {
		routes(engine.Group("/t", append(cfg.before, app.Session(a.db, cfg.session...))...))
	}
	server := httptest.NewServer(http.MaxBytesHandler(engine, cfg.api.MaxBodyBytes))
	a.base = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), sessionPatience)
		defer cancel()
		a.must(a.db.Close(ctx))
	})
	return a
}

// sessionPost serves one route, POST /t, by the handler.
func sessionPost(t *testing.T, fn func(*gin.Context, *gorm.DB) error, change ...func(*sessionConfig)) *sessionAPI {
	t.Helper()
	return sessionServe(t, func(r gin.IRouter) { r.POST("", app.Handle(fn)) }, change...)
}

func sessionPool(size, overflow int) func(*sessionConfig) {
	return func(c *sessionConfig) { c.db.PoolSize, c.db.MaxOverflow = size, overflow }
}

func sessionLimit(limit time.Duration) func(*sessionConfig) {
	return func(c *sessionConfig) { c.api.RequestTimeout = limit }
}

func (a *sessionAPI) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// sessionAnswer is an answer, read to its end.
type sessionAnswer struct {
	status int
	header http.Header
	body   string
}

// send sends a request under ctx; err is that of a request that got no answer.
func (a *sessionAPI) send(ctx context.Context, method, path, body string) (got sessionAnswer, err error) {
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, strings.NewReader(body))
	if err != nil {
		return got, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return got, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return sessionAnswer{answer.StatusCode, answer.Header, string(text)}, err
}

func (a *sessionAPI) do(method, path, body string) sessionAnswer {
	got, err := a.send(a.t.Context(), method, path, body)
	a.must(err)
	return got
}

// ask reads one number over a connection outside of the pool.
func (a *sessionAPI) ask(query string, args ...any) int {
	a.t.Helper()
	return dbtest.Ask[int](a.t, a.url, query, args...)
}

func (a *sessionAPI) rows() int { a.t.Helper(); return a.ask("SELECT count(*) FROM test_things") }

// openTransactions counts the pool's backends that are in one.
func (a *sessionAPI) openTransactions() int {
	return a.ask(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
		AND starts_with(application_name, 'transcription-api ') AND (state <> 'idle' OR xact_start IS NOT NULL)`)
}

// running waits until a backend is at work on such a statement, and returns its process number.
func (a *sessionAPI) running(like string) (pid int) {
	a.t.Helper()
	a.eventually("running: "+like, func() bool {
		pid = a.ask(`SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE datname = current_database()
			AND starts_with(application_name, 'transcription-api ') AND state = 'active' AND lower(query) LIKE $1`, like)
		return pid != 0
	})
	return pid
}

// trigger makes body run at the COMMIT of every transaction that inserted a thing.
func (a *sessionAPI) trigger(body string) {
	a.t.Helper()
	dbtest.Exec(a.t, a.url, "CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+body+" RETURN NULL; END $$")
	dbtest.Exec(a.t, a.url, `CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON test_things DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION at_commit()`)
}

// holdLock takes the lock that a trigger waits for; release lets it go on.
func (a *sessionAPI) holdLock() (release func()) {
	a.t.Helper()
	conn := dbtest.Connect(a.t, a.url)
	_, err := conn.Exec(a.t.Context(), "SELECT pg_advisory_lock(4)")
	a.must(err)
	return func() {
		_, err := conn.Exec(a.t.Context(), "SELECT pg_advisory_unlock(4)")
		a.must(err)
	}
}

func (a *sessionAPI) eventually(what string, holds func() bool) {
	a.t.Helper()
	for end := time.Now().Add(sessionPatience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			a.t.Fatalf("after %v still not: %s", sessionPatience, what)
		}
	}
}

// access waits for the access log's line of the one request to this path.
func (a *sessionAPI) access(path string) (line map[string]any) {
	a.t.Helper()
	a.eventually("the access log's line", func() bool {
		for _, entry := range a.log.Lines(a.t, "request") {
			if entry["msg"] == "request" && entry["path"] == path {
				line = entry
			}
		}
		return line != nil
	})
	return line
}

// idle waits until every connection is back, and none is in a transaction.
func (a *sessionAPI) idle() {
	a.eventually("all connections back", func() bool { return a.db.Status().CheckedOut == 0 && a.openTransactions() == 0 })
}

func sessionInsert(tx *gorm.DB, title string) error {
	return tx.Exec("INSERT INTO test_things (title, link) VALUES (?, 'https://example.com/a.wav')", title).Error
}
