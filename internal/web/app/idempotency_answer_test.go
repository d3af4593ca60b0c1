package app_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// TestKeyIsFreeAfterAFailure: what was rolled back has left nothing of the key, so that the repeat is carried out, even one
// with another body.
func TestKeyIsFreeAfterAFailure(t *testing.T) {
	t.Parallel()
	failing := errors.New("failing")
	for name, test := range map[string]struct {
		fail func(c *gin.Context, tx *gorm.DB) error
		want int
	}{
		"error":      {func(*gin.Context, *gorm.DB) error { return failing }, 500},
		"own status": {func(c *gin.Context, _ *gorm.DB) error { c.String(http.StatusTeapot, "no"); return nil }, 418},
		"recorded":   {func(c *gin.Context, _ *gorm.DB) error { _ = c.Error(failing); c.Status(http.StatusCreated); return nil }, 500},
		"panic":      {func(*gin.Context, *gorm.DB) error { panic("failing") }, 500},
		"swallowed":  {func(_ *gin.Context, tx *gorm.DB) error { _ = tx.Exec("SELECT nothing").Error; return nil }, 500},
		"too much":   {func(c *gin.Context, _ *gorm.DB) error { _, _ = c.Writer.Write(make([]byte, app.MaxHeld+1)); return nil }, 500},
		"constraint": {func(_ *gin.Context, tx *gorm.DB) error { return sessionInsert(tx, "") }, 422},
		"commit":     {func(_ *gin.Context, tx *gorm.DB) error { return sessionInsert(tx, "refused") }, 409},
		"backend gone": {func(_ *gin.Context, tx *gorm.DB) error {
			return tx.Exec("SELECT pg_terminate_backend(pg_backend_pid())").Error
		}, 503},
		"time was over": {func(*gin.Context, *gorm.DB) error { return context.DeadlineExceeded }, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var healed atomic.Bool
			a := onceServe(t, func(c *gin.Context, tx *gorm.DB) error {
				if healed.Load() {
					return onceInsert(c, tx)
				}
				return errors.Join(sessionInsert(tx, "lost"), test.fail(c, tx))
			})
			a.trigger("IF NEW.title = 'refused' THEN RAISE EXCEPTION 'refused' USING ERRCODE = '23505'; END IF;")
			if got := a.once("/t", "a", "first"); got.Status != test.want || test.want == 409 && got.Header.Get("Retry-After") != "" {
				t.Errorf("the first: %v", got)
			}
			if n := a.ask("SELECT count(*) FROM idempotency_keys"); n != 0 {
				t.Errorf("%d keys are stored", n)
			}
			healed.Store(true)
			var got webtest.Answer
			dbtest.Eventually(t, "an answer", func() bool { // a backend that is dying still has the lock
				got = a.once("/t", "a", "second")
				return got.Header.Get("Retry-After") == ""
			})
			if got.Status != http.StatusCreated || got.Body != "stored second" || replayed(got) {
				t.Errorf("the second: %v", got)
			}
			if n := a.Rows(t); n != 1 {
				t.Errorf("%d rows, want 1", n)
			}
		})
	}
}

// TestKeyKeepsTheWholeAnswer: every header of the handler's own, values in their order, bytes as they are; an answer without
// a body; a redirect.
func TestKeyKeepsTheWholeAnswer(t *testing.T) {
	t.Parallel()
	for name, fn := range map[string]app.Handler{
		"headers": func(c *gin.Context, _ *gorm.DB) error {
			c.Header("Vary", "Accept")
			c.Header("X-Empty", "")
			c.Writer.Header()["X-Many"] = []string{"one", "two: 2", "\xe9"}
			c.Header("Connection", "close")
			c.Header("X-Request-ID", "own")
			c.Header("X-Frame-Options", "SAMEORIGIN")
			c.Data(http.StatusCreated, "application/octet-stream", []byte{0, 255, '\n', 0})
			return nil
		},
		"no body":  func(c *gin.Context, _ *gorm.DB) error { c.Status(http.StatusNoContent); return nil },
		"redirect": func(c *gin.Context, _ *gorm.DB) error { c.Redirect(http.StatusSeeOther, "/health/live"); return nil },
		"nothing":  func(*gin.Context, *gorm.DB) error { return nil },
	} {
		a := serve(t, func(r gin.IRouter) {
			around := func(c *gin.Context) { c.Next(); c.Header("X-Around", "1") }
			r.POST("", around, app.Once(time.Hour), app.Handle(fn))
		})
		first, again := a.once("/t", "a", ""), a.once("/t", "a", "")
		if replayed(first) || !replayed(again) {
			t.Errorf("%s: %v, then %v", name, first, again)
		}
		for _, header := range []http.Header{first.Header, again.Header} {
			for _, own := range []string{"Date", "X-Request-Id", web.IdempotentReplayed, "Connection"} {
				header.Del(own)
			}
		}
		if again.Status != first.Status || again.Body != first.Body || !equalHeaders(first.Header, again.Header) {
			t.Errorf("%s: %v\nthen %v", name, first, again)
		}
		if again.Header.Get("X-Around") == "" {
			t.Errorf("%s: what is around the handler can not add to the answer: %v", name, again)
		}
		if n := a.ask("SELECT count(*) FROM idempotency_keys WHERE encode(headers, 'escape') ~ 'Connection|X-Request|X-Content-Type'"); n != 0 {
			t.Errorf("%s: headers are stored that are not the answer's", name)
		}
	}
}

func equalHeaders(a, b http.Header) bool {
	for name := range b {
		if !slices.Equal(a[name], b[name]) {
			return false
		}
	}
	return len(a) == len(b)
}
