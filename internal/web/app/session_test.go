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
)

const sessionBody = `{"title":"a","link":"https://example.com/a.wav"}`

// TestSessionAnswerWaitsForCommit: until COMMIT has ended, the client gets nothing and nobody sees the row; when the answer
// is there, so is the row, and the connection is back.
func TestSessionAnswerWaitsForCommit(t *testing.T) {
	t.Parallel()
	a := sessionServe(t, nil)
	a.trigger("PERFORM pg_advisory_xact_lock(4);")
	release := a.holdLock()
	answer := make(chan sessionAnswer, 1)
	go func() {
		got, err := a.send(t.Context(), "POST", "/things", sessionBody)
		if err != nil {
			t.Error(err)
		}
		answer <- got
	}()
	a.running("commit")
	select {
	case got := <-answer:
		t.Fatalf("answered %d during COMMIT", got.status)
	default:
	}
	if n := a.rows(); n != 0 {
		t.Errorf("%d rows are visible during COMMIT", n)
	}
	release()
	got := <-answer
	out := a.db.Status().CheckedOut
	if n := a.rows(); got.status != http.StatusCreated || out != 0 || n != 1 {
		t.Errorf("status %d with %d connections out and %d rows, want 201, 0 and 1", got.status, out, n)
	}
}

// TestSessionIsOverWhenTheAnswerArrives, every time.
func TestSessionIsOverWhenTheAnswerArrives(t *testing.T) {
	t.Parallel()
	a := sessionServe(t, nil)
	for n := range 50 {
		got := a.do("POST", "/things", sessionBody)
		out := a.db.Status().CheckedOut
		if rows := a.rows(); got.status != http.StatusCreated || out != 0 || rows != n+1 {
			t.Fatalf("status %d with %d connections out and %d rows, want 201, 0 and %d", got.status, out, rows, n+1)
		}
	}
}

// TestSessionWithoutSQL: what sends no statement takes no connection.
func TestSessionWithoutSQL(t *testing.T) {
	t.Parallel()
	a := sessionServe(t, func(r gin.IRouter) { r.GET("", func(c *gin.Context) { c.Status(http.StatusNoContent) }) })
	for request, want := range map[[3]string]int{
		{"POST", "/things", "{"}:             http.StatusBadRequest,
		{"POST", "/things", `{"title":""}`}:  http.StatusUnprocessableEntity,
		{"GET", "/things/abc", ""}:           http.StatusNotFound,
		{"GET", "/nowhere", ""}:              http.StatusNotFound,
		{"PUT", "/things", sessionBody}:      http.StatusMethodNotAllowed,
		{"GET", "/things?limit=nothing", ""}: http.StatusUnprocessableEntity,
		{"GET", "/t", ""}:                    http.StatusNoContent,
	} {
		if got := a.do(request[0], request[1], request[2]); got.status != want {
			t.Errorf("%v: status %d, want %d", request, got.status, want)
		}
	}
	if n := a.db.Counters().Acquires; n != 0 {
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
			a := sessionPost(t, func(c *gin.Context, tx *gorm.DB) error {
				c.Header("Location", "/own")
				if err := sessionInsert(tx, "a"); err != nil {
					t.Error(err)
				}
				return test.leave(c)
			})
			got := a.do("POST", "/t", "")
			if got.status != test.status || strings.Contains(got.body, "own") && !test.own || (got.header.Get("Location") != "") != test.own {
				t.Errorf("%d %v %.100s", got.status, got.header, got.body)
			}
			if n := a.rows(); n != 0 {
				t.Errorf("%d rows", n)
			}
			a.idle()
		})
	}
}

// TestSessionKeepsAnswersAsTheyAre: holding an answer back changes nothing about it.
func TestSessionKeepsAnswersAsTheyAre(t *testing.T) {
	t.Parallel()
	a := sessionServe(t, func(r gin.IRouter) {
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
		got := a.do("POST", path, "")
		if text := fmt.Sprint(got.status, " ", got.body); text != want || got.header.Get("X-Own") != "yes" || got.header.Get("X-Request-ID") == "" {
			t.Errorf("%s: %s %v, want %s", path, text, got.header, want)
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
	a := sessionServe(t, func(r gin.IRouter) { r.GET("", write); r.HEAD("", write); r.POST("", write) })
	for method, want := range map[string]int{"GET": 500, "HEAD": 500} {
		if got := a.do(method, "/t", ""); got.status != want || got.header.Get("X-Own") != "" {
			t.Errorf("%s: %d %v, want %d", method, got.status, got.header, want)
		}
	}
	if n := a.rows(); n != 0 {
		t.Errorf("%d rows", n)
	}
	if n := a.db.Counters().Invalidated; n != 0 {
		t.Errorf("%d connections were given up", n)
	}
	if got := a.do("POST", "/t", ""); got.status != http.StatusCreated || a.rows() != 1 {
		t.Errorf("POST: %d, %d rows", got.status, a.rows())
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
		a := sessionPost(t, func(_ *gin.Context, tx *gorm.DB) error {
			return errors.Join(sessionInsert(tx, "a"), end(tx))
		})
		if got := a.do("POST", "/t", ""); got.status != http.StatusInternalServerError || a.rows() != 0 {
			t.Errorf("%s: %d, %d rows, want 500 and none", name, got.status, a.rows())
		}
	}
}

// TestSessionAfterCommit: the only connection is free for the hook, and the request's end does not end it.
func TestSessionAfterCommit(t *testing.T) {
	t.Parallel()
	var a *sessionAPI
	a = sessionPost(t, func(c *gin.Context, tx *gorm.DB) error {
		c.Status(http.StatusCreated)
		return errors.Join(sessionInsert(tx, "a"), db.AfterCommit(tx, func(ctx context.Context) {
			if err := a.db.WithSession(ctx, func(tx *gorm.DB) error { return sessionInsert(tx, "b") }); err != nil {
				t.Error(err)
			}
		}))
	}, sessionPool(1, 0))
	got := a.do("POST", "/t", "")
	a.must(a.db.Drain(t.Context()))
	if n := a.rows(); got.status != http.StatusCreated || n != 2 {
		t.Errorf("%d, %d rows, want 201 and 2", got.status, n)
	}
}

// TestSessionInTheAccessLog: how many statements a request sent, and how long they took.
func TestSessionInTheAccessLog(t *testing.T) {
	t.Parallel()
	a := sessionPost(t, func(_ *gin.Context, tx *gorm.DB) error {
		return errors.Join(sessionInsert(tx, "a"), tx.Exec("SELECT pg_sleep(0.1)").Error)
	})
	a.do("POST", "/t", "")
	line := a.access("/t")
	if line["db_queries"] != 2.0 || line["db_ms"].(float64) < 100 || line["client_gone"] != nil {
		t.Errorf("%v", line)
	}
}
