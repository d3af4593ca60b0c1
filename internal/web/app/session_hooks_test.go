package app_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/app"
)

// TestSessionHooksDoNotDelayTheAnswer: the client has the whole of it, as without hooks, while they still wait.
func TestSessionHooksDoNotDelayTheAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, body string
		answer       func(*gin.Context)
		status       int
		length       string
	}{
		"body":         {"POST", "made", func(c *gin.Context) { c.String(201, "made") }, 201, "4"},
		"long body":    {"POST", strings.Repeat("made", 1<<20), func(c *gin.Context) { c.String(201, strings.Repeat("made", 1<<20)) }, 201, "4194304"},
		"empty":        {"POST", "", func(c *gin.Context) { c.Status(200) }, 200, "0"},
		"without body": {"POST", "", func(c *gin.Context) { c.Status(204) }, 204, ""},
		"read only":    {"GET", "read", func(c *gin.Context) { c.String(200, "read") }, 200, "4"},
		"HEAD":         {"HEAD", "", func(c *gin.Context) { c.String(200, "read") }, 200, "4"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proceed, ran := make(chan struct{}), 0
			a := serve(t, func(r gin.IRouter) {
				r.Handle(test.method, "", app.Handle(func(c *gin.Context, tx *gorm.DB) error {
					test.answer(c)
					return db.AfterCommit(tx, func(ctx context.Context) {
						<-proceed
						ran++
						if _, limited := ctx.Deadline(); limited || ctx.Err() != nil || app.RequestID(ctx) == "" {
							t.Errorf("the hook's context: deadline %v, error %v, request %q", limited, ctx.Err(), app.RequestID(ctx))
						}
					})
				}))
			})
			got := a.Do(t, test.method, "/t", "")
			if got.Status != test.status || got.Body != test.body || got.Header.Get("Content-Length") != test.length || got.Header.Get("Transfer-Encoding") != "" {
				t.Errorf("%d %v %.20q", got.Status, got.Header, got.Body)
			}
			close(proceed)
			a.must(a.DB.Drain(t.Context()))
			if ran != 1 {
				t.Errorf("ran %d times", ran)
			}
		})
	}
}

// TestSessionHooksBelongToASuccess: an answer from 400 on is no success, and neither is an error.
func TestSessionHooksBelongToASuccess(t *testing.T) {
	t.Parallel()
	a := serve(t, func(r gin.IRouter) {
		hook := func(tx *gorm.DB) error {
			return db.AfterCommit(tx, func(context.Context) { t.Error("ran") })
		}
		r.POST("/status", app.Handle(func(c *gin.Context, tx *gorm.DB) error { c.Status(409); return hook(tx) }))
		r.POST("/error", app.Handle(func(_ *gin.Context, tx *gorm.DB) error { _ = hook(tx); return context.DeadlineExceeded }))
		r.POST("/panic", app.Handle(func(_ *gin.Context, tx *gorm.DB) error { _ = hook(tx); panic("of the handler") }))
	})
	for _, path := range []string{"/t/status", "/t/error", "/t/panic"} {
		if got := a.Do(t, "POST", path, ""); got.Status < http.StatusBadRequest {
			t.Errorf("%s: %d", path, got.Status)
		}
	}
	a.must(a.DB.Drain(t.Context()))
}

// TestSessionHooksPanic: the log says so, with the request's id; the client has its answer, and the next hook runs.
func TestSessionHooksPanic(t *testing.T) {
	t.Parallel()
	ran := false
	a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
		c.String(http.StatusCreated, "made")
		_ = db.AfterCommit(tx, func(context.Context) { panic("of the hook") })
		_ = db.AfterCommit(tx, func(context.Context) { ran = true })
		return sessionInsert(tx, "a")
	})
	got := a.Do(t, "POST", "/t", "")
	a.must(a.DB.Drain(t.Context()))
	if got.Status != http.StatusCreated || got.Body != "made" || a.Rows(t) != 1 || !ran {
		t.Errorf("%d %q, %d rows, the next hook ran: %v", got.Status, got.Body, a.Rows(t), ran)
	}
	lines := a.Log.Lines(t, "after-commit hook panicked")
	if len(lines) != 1 || lines[0]["request_id"] != got.Header.Get("X-Request-ID") || !strings.Contains(lines[0]["stack"].(string), "session_hooks_test.go") {
		t.Errorf("logged: %v", lines)
	}
}

// TestSessionHooksOfAClientThatDoesNotRead: what is committed has its hooks, whatever the client does.
func TestSessionHooksOfAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	ran := make(chan struct{})
	a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
		c.String(http.StatusCreated, strings.Repeat("made", 8<<20)) // more than sockets hold
		return db.AfterCommit(tx, func(context.Context) { close(ran) })
	})
	conn := dial(t, a.Server)
	_, err := conn.Write([]byte("POST /t HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n"))
	a.must(err)
	_, err = bufio.NewReaderSize(conn, 16).ReadByte()
	a.must(err)
	dbtest.Eventually(t, "the hook runs", func() bool {
		select {
		case <-ran:
			return true
		default:
			return false
		}
	})
}
