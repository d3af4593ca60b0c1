package app_test

import (
	"database/sql"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// once sends a request with an Idempotency-Key.
func (a *served) once(path, key, body string) webtest.Answer {
	a.t.Helper()
	return a.Do(a.t, http.MethodPost, path, body, underKey+key)
}

const underKey = web.IdempotencyKey + ": "

// onceServe serves POST /t by the handler, idempotently.
func onceServe(t *testing.T, fn app.Handler, change ...func(*settings)) *served {
	t.Helper()
	return serve(t, func(r gin.IRouter) { r.POST("", app.Once(time.Hour), app.Handle(fn)) }, change...)
}

// onceInsert stores what the body says.
func onceInsert(c *gin.Context, tx *gorm.DB) error {
	title, err := io.ReadAll(c.Request.Body)
	if err != nil {
		return err
	}
	if err := sessionInsert(tx, string(title)); err != nil {
		return err
	}
	c.String(http.StatusCreated, "stored "+string(title))
	return nil
}

func replayed(got webtest.Answer) bool { return got.Header.Get(web.IdempotentReplayed) == "true" }

// TestKeyWhileTheFirstRuns: as long as the first request's COMMIT has not returned, the repeat is told to come again.
func TestKeyWhileTheFirstRuns(t *testing.T) {
	t.Parallel()
	a := serve(t, nil, sessionPool(2, 0))
	a.once("/things", "a", webtest.Body) // long ago, and no answer to anybody any more
	dbtest.Exec(t, a.Database, "UPDATE idempotency_keys SET created_at = now() - interval '2 days'")
	a.trigger("PERFORM pg_advisory_xact_lock(4);")
	release := a.holdLock()
	first := a.later("POST", "/things", webtest.Body, underKey+"a")
	a.running("commit")
	for _, body := range []string{webtest.Body, "another"} {
		got := a.once("/things", "a", body)
		if got.Status != http.StatusConflict || got.Header.Get("Retry-After") == "" || !strings.Contains(got.Body, "still running") {
			t.Errorf("meanwhile: %v", got)
		}
	}
	release()
	if got := <-first; got.Status != http.StatusCreated || replayed(got) {
		t.Errorf("the first: %v", got)
	}
	if got := a.once("/things", "a", webtest.Body); got.Status != http.StatusCreated || !replayed(got) {
		t.Errorf("afterwards: %v", got)
	}
	if n := a.Rows(t); n != 2 {
		t.Errorf("%d rows, want that of long ago and one more", n)
	}
}

// TestKeysAtTheSameInstant: of two equal requests one is carried out, and the other gets its answer or comes again.
func TestKeysAtTheSameInstant(t *testing.T) {
	t.Parallel()
	a := serve(t, nil, sessionPool(5, 5))
	for n := range 50 {
		key := strings.Repeat("k", n+1)
		answers := [2]<-chan webtest.Answer{a.later("POST", "/things", webtest.Body, underKey+key), a.later("POST", "/things", webtest.Body, underKey+key)}
		carriedOut := 0
		for _, answer := range answers {
			switch got := <-answer; {
			case got.Status == http.StatusCreated && !replayed(got):
				carriedOut++
			case got.Status != http.StatusCreated && got.Header.Get("Retry-After") == "":
				t.Errorf("%d: %v", n, got)
			}
		}
		if carriedOut != 1 {
			t.Errorf("%d: carried out %d times", n, carriedOut)
		}
	}
	if n := a.Rows(t); n != 50 {
		t.Errorf("%d rows, want 50", n)
	}
}

// TestKeysThroughPgBouncer: the lock ends with the transaction, so it may be anybody's connection.
func TestKeysThroughPgBouncer(t *testing.T) {
	t.Parallel()
	a := serve(t, nil, sessionPool(5, 5), func(c *settings) {
		c.DB.URL, c.DB.PgBouncer = dbtest.PgBouncer(t, c.DB.URL, 3), true
	})
	var ids sync.Map // of a key's thing, by key
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			for n := range 20 {
				key := strings.Repeat("k", (n+client)%20+1)
				got := a.untilDone(key)
				if first, _ := ids.LoadOrStore(key, got.Body); first != got.Body {
					t.Errorf("%s: %s, before %s", key, got.Body, first)
				}
			}
		})
	}
	clients.Wait()
	if n := a.Rows(t); n != 20 {
		t.Errorf("%d rows, want 20", n)
	}
}

// untilDone repeats a request as long as it is told to.
func (a *served) untilDone(key string) (got webtest.Answer) {
	for {
		if got = a.once("/things", key, webtest.Body); got.Header.Get("Retry-After") == "" {
			if got.Status != http.StatusCreated {
				a.t.Errorf("%s: %v", key, got)
			}
			return got
		}
		time.Sleep(time.Millisecond)
	}
}

// TestKeyUnderAnOldSnapshot: the repeat's snapshot is older than the first one's COMMIT, as one can be above READ COMMITTED.
// Its handler must not run, for it would take what the first has stored for another's.
func TestKeyUnderAnOldSnapshot(t *testing.T) {
	t.Parallel()
	for _, level := range []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable} {
		t.Run(level.String(), func(t *testing.T) {
			t.Parallel()
			looked, goOn := make(chan bool), make(chan bool)
			var ran atomic.Int64
			a := serve(t, func(r gin.IRouter) {
				r.POST("", func(c *gin.Context) {
					if c.Query("slow") != "" {
						if err := app.DB(c).Exec("SELECT count(*) FROM test_things").Error; err != nil {
							t.Error(err)
						}
						c.Request.URL.RawQuery = "" // else it is another request
						close(looked)
						<-goOn
					}
				}, app.Once(time.Hour), app.Handle(func(c *gin.Context, tx *gorm.DB) error {
					ran.Add(1)
					return onceInsert(c, tx)
				}))
			}, sessionPool(2, 0), func(c *settings) { c.session = []db.SessionOption{db.Isolation(level)} })
			dbtest.Exec(t, a.Database, "ALTER TABLE test_things ADD UNIQUE (title)")
			slow := a.later("POST", "/t?slow=1", "title", underKey+"a")
			<-looked
			if got := a.once("/t", "a", "title"); got.Status != http.StatusCreated {
				t.Errorf("the first: %v", got)
			}
			close(goOn)
			got := <-slow
			if level == sql.LevelReadCommitted && !replayed(got) || level > sql.LevelReadCommitted && (got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "") {
				t.Errorf("the repeat: %v", got)
			}
			if n := ran.Load(); n != 1 {
				t.Errorf("the handler ran %d times", n)
			}
			if again := a.once("/t", "a", "title"); !replayed(again) {
				t.Errorf("once more: %v", again)
			}
		})
	}
}
