package app_test

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/openapi"
	"example.com/transcription-api/internal/web/webtest"
)

// TestKeyAfterAnUnknownCommit: the line breaks at COMMIT, once before the server had it and once after. The client is told
// to repeat, and its repeat gets the truth.
func TestKeyAfterAnUnknownCommit(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]dbtest.Cut{"rolled back": dbtest.BeforeCommit, "committed": dbtest.AfterCommit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var proxy *dbtest.Proxy
			a := serve(t, nil, func(c *settings) {
				proxy = dbtest.NewProxy(t, c.DB.URL)
				c.DB.URL = proxy.URL()
			})
			proxy.CutNext(where, 1)
			got := a.once("/things", "a", webtest.Body)
			if got.Status != http.StatusServiceUnavailable || !strings.Contains(got.Body, "Repeat the request with the same Idempotency-Key") {
				t.Errorf("the cut one: %v", got)
			}
			var repeat webtest.Answer
			dbtest.Eventually(t, "an answer", func() bool { // the server may not have noticed yet that the line is cut
				repeat = a.once("/things", "a", webtest.Body)
				return repeat.Status == http.StatusCreated
			})
			if replayed(repeat) != (where == dbtest.AfterCommit) {
				t.Errorf("the repeat: %v", repeat)
			}
			if n := a.Rows(t); n != 1 {
				t.Errorf("%d rows, want 1", n)
			}
		})
	}
}

// TestUnknownCommitWithoutAKey keeps its own words: nothing makes a repeat safe.
func TestUnknownCommitWithoutAKey(t *testing.T) {
	t.Parallel()
	var proxy *dbtest.Proxy
	a := serve(t, nil, func(c *settings) {
		proxy = dbtest.NewProxy(t, c.DB.URL)
		c.DB.URL = proxy.URL()
	})
	proxy.CutNext(dbtest.AfterCommit, 1)
	if got := a.Do(t, "POST", "/things", webtest.Body); got.Status != http.StatusServiceUnavailable || strings.Contains(got.Body, web.IdempotencyKey) {
		t.Errorf("%v", got)
	}
}

// TestKeyCommittedWithoutAnAnswer: a row that a handler has committed behind the session's back is no answer to anybody.
func TestKeyCommittedWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	a := onceServe(t, onceInsert)
	if got := a.once("/t", "a", "first"); got.Status != http.StatusCreated {
		t.Fatalf("the first: %v", got)
	}
	dbtest.Exec(t, a.Database, "UPDATE idempotency_keys SET status = NULL, headers = NULL, body = NULL")
	if got := a.once("/t", "a", "second"); got.Status != http.StatusCreated || replayed(got) || got.Body != "stored second" {
		t.Errorf("afterwards: %v", got)
	}
}

// TestKeysUnderAnotherAccessControl: one that does not say who calls still shows nobody another's answer; one that does may
// let a caller come with a new token.
func TestKeysUnderAnotherAccessControl(t *testing.T) {
	t.Parallel()
	for says, want := range map[bool]bool{false: false, true: true} {
		var access gin.HandlerFunc = func(c *gin.Context) {
			if says {
				app.SetCaller(c, "account 7")
			}
		}
		a := serve(t, func(r gin.IRouter) {
			r.POST("", func(c *gin.Context) { c.Request.Header.Set("Authorization", c.Request.Header.Get("X-Request-ID")) },
				access, app.Once(time.Hour), app.Handle(onceInsert))
		})
		first, again := a.once("/t", "a", "title"), a.once("/t", "a", "title")
		if first.Status != http.StatusCreated || again.Status != http.StatusCreated || !replayed(again) {
			t.Errorf("the same caller: %v, %v", first, again)
		}
		if got := a.Do(t, "POST", "/t", "title", underKey+"a", "X-Request-ID: another-token"); replayed(got) != want || got.Status != http.StatusCreated {
			t.Errorf("access control says who calls: %v; to another token: %v", says, got)
		}
	}
}

// TestIdempotentRouteNeedsASession that writes: a route that has none is a mistake to find at the start.
func TestIdempotentRouteNeedsASession(t *testing.T) {
	t.Parallel()
	once := func(*gin.Context) {}
	for _, r := range []openapi.Route{
		{Method: "POST", Path: "/t", Serve: openapi.Endpoint{Chain: gin.HandlersChain{once}}, Idempotent: true},
		{Method: "GET", Path: "/t", Serve: openapi.Endpoint{Chain: gin.HandlersChain{once}, Transactional: true}, Idempotent: true},
	} {
		err := app.AddOnce([]openapi.Route{r}, once)
		if want := r.Method + " /t: an idempotent route needs a session that writes"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestCleaningAgain: first after a minute, then at its own pace; a failure is logged and does not end it, ctx does.
func TestCleaningAgain(t *testing.T) {
	t.Parallel()
	a := onceServe(t, func(c *gin.Context, _ *gorm.DB) error { c.Status(http.StatusCreated); return nil })
	a.once("/t", "a", "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var waits []time.Duration
	tick := make(chan time.Time, 1)
	app.CleanAgain(ctx, a.DB, slog.New(slog.NewJSONHandler(a.Log, nil)), time.Hour, func(wait time.Duration) <-chan time.Time {
		waits = append(waits, wait)
		switch len(waits) {
		case 1: // a key that is not too old yet
		case 2:
			if n := a.ask("SELECT count(*) FROM idempotency_keys"); n != 1 {
				t.Errorf("%d keys, want 1", n)
			}
			dbtest.Exec(t, a.Database, "ALTER TABLE idempotency_keys RENAME TO away")
		case 3:
			if lines := a.Log.Lines(t, "idempotency keys not cleaned"); len(lines) != 1 {
				t.Errorf("logged: %v", lines)
			}
			dbtest.Exec(t, a.Database, "ALTER TABLE away RENAME TO idempotency_keys")
			dbtest.Exec(t, a.Database, "UPDATE idempotency_keys SET created_at = now() - interval '1 hour'")
		case 4:
			if n := a.ask("SELECT count(*) FROM idempotency_keys"); n != 0 {
				t.Errorf("%d keys, want none", n)
			}
			cancel()
			return nil
		}
		tick <- time.Time{}
		return tick
	})
	want := []time.Duration{time.Minute, 150 * time.Second, 150 * time.Second, 150 * time.Second}
	if !slices.Equal(waits, want) {
		t.Errorf("waited %v, want %v", waits, want)
	}
	for ttl, want := range map[time.Duration]time.Duration{time.Second: time.Minute, 24 * time.Hour: time.Hour, 1000 * time.Hour: time.Hour} {
		if got := app.CleanPeriod(ttl); got != want {
			t.Errorf("keys of %v are cleaned every %v, want %v", ttl, got, want)
		}
	}
}
