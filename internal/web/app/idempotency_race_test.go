package app_test

import (
	"context"
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
)

// keyed sends POST path with an Idempotency-Key.
func (a *sessionAPI) keyed(ctx context.Context, path, key, body string) (got sessionAnswer, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+path, strings.NewReader(body))
	if err != nil {
		return got, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(web.IdempotencyKey, key)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return got, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return sessionAnswer{answer.StatusCode, answer.Header, string(text)}, err
}

func (a *sessionAPI) once(path, key, body string) sessionAnswer {
	a.t.Helper()
	got, err := a.keyed(a.t.Context(), path, key, body)
	a.must(err)
	return got
}

// later sends a request whose answer the test will wait for.
func (a *sessionAPI) later(path, key, body string) <-chan sessionAnswer {
	answer := make(chan sessionAnswer, 1)
	go func() {
		got, err := a.keyed(a.t.Context(), path, key, body)
		if err != nil {
			a.t.Error(err)
		}
		answer <- got
	}()
	return answer
}

// onceServe serves POST /t by the handler, idempotently.
func onceServe(t *testing.T, fn app.Handler, change ...func(*sessionConfig)) *sessionAPI {
	t.Helper()
	return sessionServe(t, func(r gin.IRouter) { r.POST("", app.Once(time.Hour), app.Handle(fn)) }, change...)
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

func (got sessionAnswer) replayed() bool { return got.header.Get(web.IdempotentReplayed) == "true" }

const onceThing = `{"title":"Once","link":"https://example.com/a.wav"}`

// TestKeyWhileTheFirstRuns: as long as the first request's COMMIT has not returned, the repeat is told to come again.
func TestKeyWhileTheFirstRuns(t *testing.T) {
	t.Parallel()
	a := sessionServe(t, nil, sessionPool(2, 0))
	a.once("/things", "a", onceThing) // long ago, and no answer to anybody any more
	dbtest.Exec(t, a.url, "UPDATE idempotency_keys SET created_at = now() - interval '2 days'")
	a.trigger("PERFORM pg_advisory_xact_lock(4);")
	release := a.holdLock()
	first := a.later("/things", "a", onceThing)
	a.running("commit")
	for _, body := range []string{onceThing, "another"} {
		got := a.once("/things", "a", body)
		if got.status != http.StatusConflict || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "still running") {
			t.Errorf("meanwhile: %v", got)
		}
	}
	release()
	if got := <-first; got.status != http.StatusCreated || got.replayed() {
		t.Errorf("the first: %v", got)
	}
	if got := a.once("/things", "a", onceThing); got.status != http.StatusCreated || !got.replayed() {
		t.Errorf("afterwards: %v", got)
	}
	if n := a.rows(); n != 2 {
		t.Errorf("%d rows, want that of long ago and one more", n)
	}
}

// TestKeysAtTheSameInstant: of two equal requests one is carried out, and the other gets its answer or comes again.
func TestKeysAtTheSameInstant(t *testing.T) {
	t.Parallel()
	a := sessionServe(t, nil, sessionPool(5, 5))
	for n := range 50 {
		key := strings.Repeat("k", n+1)
		answers := [2]<-chan sessionAnswer{a.later("/things", key, onceThing), a.later("/things", key, onceThing)}
		carriedOut := 0
		for _, answer := range answers {
			switch got := <-answer; {
			case got.status == http.StatusCreated && !got.replayed():
				carriedOut++
			case got.status != http.StatusCreated && got.header.Get("Retry-After") == "":
				t.Errorf("%d: %v", n, got)
			}
		}
		if carriedOut != 1 {
			t.Errorf("%d: carried out %d times", n, carriedOut)
		}
	}
	if n := a.rows(); n != 50 {
		t.Errorf("%d rows, want 50", n)
	}
}

// TestKeysThroughPgBouncer: the lock ends with the transaction, so it may be anybody's connection.
func TestKeysThroughPgBouncer(t *testing.T) {
	t.Parallel()
	a := sessionServe(t, nil, sessionPool(5, 5), func(c *sessionConfig) {
		c.db.URL, c.db.PgBouncer = dbtest.PgBouncer(t, c.db.URL, 3), true
	})
	var ids sync.Map // of a key's thing, by key
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			for n := range 20 {
				key := strings.Repeat("k", (n+client)%20+1)
				got := a.untilDone(key)
				if first, _ := ids.LoadOrStore(key, got.body); first != got.body {
					t.Errorf("%s: %s, before %s", key, got.body, first)
				}
			}
		})
	}
	clients.Wait()
	if n := a.rows(); n != 20 {
		t.Errorf("%d rows, want 20", n)
	}
}

// untilDone repeats a request as long as it is told to.
func (a *sessionAPI) untilDone(key string) (got sessionAnswer) {
	for {
		var err error
		if got, err = a.keyed(a.t.Context(), "/things", key, onceThing); err != nil || got.header.Get("Retry-After") == "" {
			if err != nil || got.status != http.StatusCreated {
				a.t.Errorf("%s: %v %v", key, got, err)
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
			a := sessionServe(t, func(r gin.IRouter) {
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
			}, sessionPool(2, 0), func(c *sessionConfig) { c.session = []db.SessionOption{db.Isolation(level)} })
			dbtest.Exec(t, a.url, "ALTER TABLE test_things ADD UNIQUE (title)")
			slow := a.later("/t?slow=1", "a", "title")
			<-looked
			if got := a.once("/t", "a", "title"); got.status != http.StatusCreated {
				t.Errorf("the first: %v", got)
			}
			close(goOn)
			got := <-slow
			if level == sql.LevelReadCommitted && !got.replayed() || level > sql.LevelReadCommitted && (got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "") {
				t.Errorf("the repeat: %v", got)
			}
			if n := ran.Load(); n != 1 {
				t.Errorf("the handler ran %d times", n)
			}
			if again := a.once("/t", "a", "title"); !again.replayed() {
				t.Errorf("once more: %v", again)
			}
		})
	}
}
