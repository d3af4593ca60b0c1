package app_test

import (
	"net/http"
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

// served is the API of Things, served with routes of the test's own beside its own.
type served struct {
	*webtest.Server
	t       *testing.T
	metrics http.Handler // what ADMIN_ADDR serves
}

// settings are what a test may choose.
type settings struct {
	*webtest.Settings
	before  []gin.HandlerFunc  // of the test's own routes, before the session
	session []db.SessionOption // of their session
}

// serve serves the API, and below /t the routes that the test adds to a group with a session.
func serve(t *testing.T, routes func(gin.IRouter), change ...func(*settings)) *served {
	t.Helper()
	a, chosen, database := &served{t: t}, &settings{}, dbtest.Things(t)
	a.Server = webtest.Start(t, func(o app.Options) (http.Handler, error) {
		o.Metrics = app.NewMetrics(o.DB)
		a.metrics = o.Metrics.Handler()
		engine, err := app.NewEngine(o, webtest.Things())
		if err != nil {
			return nil, err
		}
		servePanics(engine)
		if routes != nil {
			routes(engine.Group("/t", append(chosen.before, app.Session(o.DB, chosen.session...))...))
		}
		return http.MaxBytesHandler(engine, o.MaxBodyBytes), nil
	}, func(set *webtest.Settings) {
		chosen.Settings, set.DB.URL = set, database
		set.DB.PoolSize, set.DB.MaxOverflow = dbtest.PoolSize(t)
		for _, choose := range change {
			choose(chosen)
		}
	})
	a.Database = database // not through what the test has put before it
	return a
}

// servePost serves one route, POST /t, by the handler.
func servePost(t *testing.T, fn app.Handler, change ...func(*settings)) *served {
	t.Helper()
	return serve(t, func(r gin.IRouter) { r.POST("", app.Handle(fn)) }, change...)
}

func sessionPool(size, overflow int) func(*settings) {
	return func(c *settings) { c.DB.PoolSize, c.DB.MaxOverflow = size, overflow }
}

func sessionLimit(limit time.Duration) func(*settings) {
	return func(c *settings) { c.API.RequestTimeout = limit }
}

func (a *served) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// later sends a request whose answer the test will wait for.
func (a *served) later(method, path, body string, headers ...string) <-chan webtest.Answer {
	answer := make(chan webtest.Answer, 1)
	go func() {
		got, err := a.Try(a.t.Context(), method, path, strings.NewReader(body), headers...)
		if err != nil {
			a.t.Error(err)
		}
		answer <- got
	}()
	return answer
}

// ask reads one number over a connection outside of the pool.
func (a *served) ask(query string, args ...any) int {
	a.t.Helper()
	return dbtest.Ask[int](a.t, a.Database, query, args...)
}

// openTransactions counts the pool's backends that are in one.
func (a *served) openTransactions() int {
	return a.ask(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
		AND starts_with(application_name, 'transcription-api ') AND (state <> 'idle' OR xact_start IS NOT NULL)`)
}

// running waits until a backend is at work on such a statement, and returns its process number.
func (a *served) running(like string) (pid int) {
	a.t.Helper()
	dbtest.Eventually(a.t, "running: "+like, func() bool {
		pid = a.ask(`SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE datname = current_database()
			AND starts_with(application_name, 'transcription-api ') AND state = 'active' AND lower(query) LIKE $1`, like)
		return pid != 0
	})
	return pid
}

// trigger makes body run at the COMMIT of every transaction that inserted a thing.
func (a *served) trigger(body string) {
	a.t.Helper()
	dbtest.Exec(a.t, a.Database, "CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+body+" RETURN NULL; END $$")
	dbtest.Exec(a.t, a.Database, `CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON test_things DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION at_commit()`)
}

// holdLock takes the lock that a trigger waits for; release lets it go on.
func (a *served) holdLock() (release func()) {
	a.t.Helper()
	conn := dbtest.Connect(a.t, a.Database)
	_, err := conn.Exec(a.t.Context(), "SELECT pg_advisory_lock(4)")
	a.must(err)
	return func() {
		_, err := conn.Exec(a.t.Context(), "SELECT pg_advisory_unlock(4)")
		a.must(err)
	}
}

// idle waits until every connection is back, and none is in a transaction.
func (a *served) idle() {
	dbtest.Eventually(a.t, "all connections back", func() bool { return a.DB.Status().CheckedOut == 0 && a.openTransactions() == 0 })
}

func sessionInsert(tx *gorm.DB, title string) error {
	return tx.Exec("INSERT INTO test_things (title, link) VALUES (?, 'https://example.com/a.wav')", title).Error
}
