package app_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// TestSessionAnswerWaitsForCommit: until COMMIT has ended, the client gets nothing and nobody sees the row; when the answer
// is there, so is the row, and the connection is back.
func TestSessionAnswerWaitsForCommit(t *testing.T) {
	t.Parallel()
	a := serve(t, nil)
	a.trigger("PERFORM pg_advisory_xact_lock(4);")
	release := a.holdLock()
	answer := a.later("POST", "/things", webtest.Body)
	a.running("commit")
	select {
	case got := <-answer:
		t.Fatalf("answered %d during COMMIT", got.Status)
	default:
	}
	if n := a.Rows(t); n != 0 {
		t.Errorf("%d rows are visible during COMMIT", n)
	}
	release()
	got := <-answer
	out := a.DB.Status().CheckedOut
	if n := a.Rows(t); got.Status != http.StatusCreated || out != 0 || n != 1 {
		t.Errorf("status %d with %d connections out and %d rows, want 201, 0 and 1", got.Status, out, n)
	}
}

// TestSessionIsOverWhenTheAnswerArrives, every time.
func TestSessionIsOverWhenTheAnswerArrives(t *testing.T) {
	t.Parallel()
	a := serve(t, nil)
	for n := range 50 {
		got := a.Do(t, "POST", "/things", webtest.Body)
		out := a.DB.Status().CheckedOut
		if rows := a.Rows(t); got.Status != http.StatusCreated || out != 0 || rows != n+1 {
			t.Fatalf("status %d with %d connections out and %d rows, want 201, 0 and %d", got.Status, out, rows, n+1)
		}
	}
}

// TestSessionWithoutSQL: what sends no statement takes no connection.
func TestSessionWithoutSQL(t *testing.T) {
	t.Parallel()
	a := serve(t, func(r gin.IRouter) { r.GET("", func(c *gin.Context) { c.Status(http.StatusNoContent) }) })
	for request, want := range map[[3]string]int{
		{"POST", "/things", "{"}:             http.StatusBadRequest,
		{"POST", "/things", `{"title":""}`}:  http.StatusUnprocessableEntity,
		{"GET", "/things/abc", ""}:           http.StatusNotFound,
		{"GET", "/nowhere", ""}:              http.StatusNotFound,
		{"PUT", "/things", webtest.Body}:     http.StatusMethodNotAllowed,
		{"GET", "/things?limit=nothing", ""}: http.StatusUnprocessableEntity,
		{"GET", "/t", ""}:                    http.StatusNoContent,
	} {
		if got := a.Do(t, request[0], request[1], request[2]); got.Status != want {
			t.Errorf("%v: status %d, want %d", request, got.Status, want)
		}
	}
	if n := a.DB.Counters().Acquires; n != 0 {
		t.Errorf("%d connections were taken", n)
	}
}

// TestSessionRollsBack: each way in which a handler can fail after it has written a row, and an answer.
func TestSessionRollsBack(t *testing.T) {
	t.Parallel()
	fail := errors.New("of the handler")
	for name, test := range map[string]struct {
		leave  func(*gin.Context) error
		status int
		own    bool // the handler's own answer goes out
	}{
		"error returned":         {func(*gin.Context) error { return fail }, 500, false},
		"error after the answer": {func(c *gin.Context) error { c.String(201, "own"); return fail }, 500, false},
		"error recorded":         {func(c *gin.Context) error { c.String(201, "own"); _ = c.Error(fail); return nil }, 500, false},
		"status 400":             {func(c *gin.Context) error { c.String(400, "own"); return nil }, 400, true},
		"status 409, no body":    {func(c *gin.Context) error { c.Status(409); return nil }, 409, true},
		"status 503":             {func(c *gin.Context) error { c.String(503, "own"); return nil }, 503, true},
		"panic":                  {func(*gin.Context) error { panic("of the handler") }, 500, false},
		"panic after the answer": {func(c *gin.Context) error { c.String(201, "own"); panic("of the handler") }, 500, false},
		"panic after a long one": {func(c *gin.Context) error { c.String(201, strings.Repeat("own", 1<<20)); panic(fail) }, 500, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
				c.Header("Location", "/own")
				if err := sessionInsert(tx, "a"); err != nil {
					t.Error(err)
				}
				return test.leave(c)
			})
			got := a.Do(t, "POST", "/t", "")
			if got.Status != test.status || strings.Contains(got.Body, "own") && !test.own || (got.Header.Get("Location") != "") != test.own {
				t.Errorf("%d %v %.100s", got.Status, got.Header, got.Body)
			}
			if n := a.Rows(t); n != 0 {
				t.Errorf("%d rows", n)
			}
			a.idle()
		})
	}
}

// TestSessionKeepsAnswersAsTheyAre: holding an answer back changes nothing about it.
func TestSessionKeepsAnswersAsTheyAre(t *testing.T) {
	t.Parallel()
	a := serve(t, func(r gin.IRouter) {
		r.POST("/204", func(c *gin.Context) { c.Header("X-Own", "yes"); c.Status(204) })
		r.POST("/201", func(c *gin.Context) {
			c.Header("X-Own", "yes")
			c.String(201, "two ")
			c.Writer.Flush()
			_, _ = c.Writer.WriteString("parts")
		})
		r.POST("/303", func(c *gin.Context) { c.Header("X-Own", "yes"); c.Redirect(304, "/elsewhere") })
		r.POST("/202", func(c *gin.Context) {
			c.Header("X-Own", "yes")
			c.Status(202)
			c.Writer.WriteHeaderNow()
			c.Status(500)
		})
	})
	for path, want := range map[string]string{"/t/204": "204 ", "/t/201": "201 two parts", "/t/303": "304 ", "/t/202": "202 "} {
		got := a.Do(t, "POST", path, "")
		if text := fmt.Sprint(got.Status, " ", got.Body); text != want || got.Header.Get("X-Own") != "yes" || got.Header.Get("X-Request-ID") == "" {
			t.Errorf("%s: %s %v, want %s", path, text, got.Header, want)
		}
	}
}

// TestSessionReadsOnly: GET and HEAD begin READ ONLY; a write in them is the program's fault, not the server's.
func TestSessionReadsOnly(t *testing.T) {
	t.Parallel()
	write := app.Handle(func(c *gin.Context, tx *gorm.DB) error {
		c.Header("X-Own", "yes")
		if err := sessionInsert(tx, "a"); err != nil {
			return err
		}
		c.Status(http.StatusCreated)
		return nil
	})
	a := serve(t, func(r gin.IRouter) { r.GET("", write); r.HEAD("", write); r.POST("", write) })
	for method, want := range map[string]int{"GET": 500, "HEAD": 500} {
		if got := a.Do(t, method, "/t", ""); got.Status != want || got.Header.Get("X-Own") != "" {
			t.Errorf("%s: %d %v, want %d", method, got.Status, got.Header, want)
		}
	}
	if n := a.Rows(t); n != 0 {
		t.Errorf("%d rows", n)
	}
	if n := a.DB.Counters().Invalidated; n != 0 {
		t.Errorf("%d connections were given up", n)
	}
	if got := a.Do(t, "POST", "/t", ""); got.Status != http.StatusCreated || a.Rows(t) != 1 {
		t.Errorf("POST: %d, %d rows", got.Status, a.Rows(t))
	}
}

// TestSessionIsTheMiddlewares: a handler that ends the transaction itself ends nothing.
func TestSessionIsTheMiddlewares(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*gorm.DB) error{
		"Commit":   func(tx *gorm.DB) error { return tx.Commit().Error },
		"Rollback": func(tx *gorm.DB) error { return tx.Rollback().Error },
		"Begin":    func(tx *gorm.DB) error { return tx.Begin().Error },
	} {
		a := servePost(t, func(_ *gin.Context, tx *gorm.DB) error {
			return errors.Join(sessionInsert(tx, "a"), end(tx))
		})
		if got := a.Do(t, "POST", "/t", ""); got.Status != http.StatusInternalServerError || a.Rows(t) != 0 {
			t.Errorf("%s: %d, %d rows, want 500 and none", name, got.Status, a.Rows(t))
		}
	}
}

// TestSessionAfterCommit: the only connection is free for the hook, and the request's end does not end it.
func TestSessionAfterCommit(t *testing.T) {
	t.Parallel()
	var a *served
	a = servePost(t, func(c *gin.Context, tx *gorm.DB) error {
		c.Status(http.StatusCreated)
		return errors.Join(sessionInsert(tx, "a"), db.AfterCommit(tx, func(ctx context.Context) {
			if err := a.DB.WithSession(ctx, func(tx *gorm.DB) error { return sessionInsert(tx, "b") }); err != nil {
				t.Error(err)
			}
		}))
	}, sessionPool(1, 0))
	got := a.Do(t, "POST", "/t", "")
	a.must(a.DB.Drain(t.Context()))
	if n := a.Rows(t); got.Status != http.StatusCreated || n != 2 {
		t.Errorf("%d, %d rows, want 201 and 2", got.Status, n)
	}
}

// TestSessionInTheAccessLog: how many statements a request sent, and how long they took.
func TestSessionInTheAccessLog(t *testing.T) {
	t.Parallel()
	a := servePost(t, func(_ *gin.Context, tx *gorm.DB) error {
		return errors.Join(sessionInsert(tx, "a"), tx.Exec("SELECT pg_sleep(0.1)").Error)
	})
	a.Do(t, "POST", "/t", "")
	line := a.Logged(t, "request", "path", "/t")
	if line["db_queries"] != 2.0 || line["db_ms"].(float64) < 100 || line["client_gone"] != nil {
		t.Errorf("%v", line)
	}
}
