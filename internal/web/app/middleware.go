package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/web"
)

type requestIDKey struct{}

var saneID = regexp.MustCompile(web.RequestIDPattern)

// identify gives the request its id: the client's own, if it is sane.
func identify(c *gin.Context) {
	id := c.GetHeader("X-Request-ID")
	if !saneID.MatchString(id) {
		id = rand.Text()
	}
	c.Header("X-Request-ID", id)
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), requestIDKey{}, id))
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// limitTime gives the request its deadline: statements end with it, and the
// session rolls back. A body that nobody reads has it too: net/http waits for what
// is left of one before it sends the answer. For that it comes a moment later: a read
// that fails cancels the context, as a client that left does, and 504 would be 499.
func limitTime(limit time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), limit)
		defer cancel()
		if deadline, _ := ctx.Deadline(); c.Request.ContentLength != 0 {
			_ = http.NewResponseController(c.Writer).SetReadDeadline(deadline.Add(time.Second)) // a recorder in a test has none
		}
		c.Request = c.Request.WithContext(ctx)
		c.Next()
	}
}

// recoverPanics turns a panic into a 500. If an answer has begun, or the client
// has cut the line, the connection is all that can be ended: net/http does so,
// in silence, for http.ErrAbortHandler.
func recoverPanics(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx := c.Request.Context()
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if isAbort(fault) {
				c.Status(web.StatusClientGone) // for the access log
				panic(http.ErrAbortHandler)
			}
			log.LogAttrs(ctx, slog.LevelError, "panic",
				slog.String("route", c.FullPath()), slog.String("error", fmt.Sprint(fault)), slog.String("stack", string(debug.Stack())))
			c.Abort()
			if c.Writer.Written() {
				panic(http.ErrAbortHandler)
			}
			(&web.Problem{Status: http.StatusInternalServerError, Detail: "Something went wrong on our side."}).Write(c)
		}()
		c.Next()
	}
}

// isAbort recognises a handler that gave up its answer and a line that was cut.
// A nil pointer that is an error panics when it is asked what it wraps.
func isAbort(fault any) bool {
	defer func() { _ = recover() }()
	err, _ := fault.(error)
	return errors.Is(err, http.ErrAbortHandler) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// notAllowed answers for methods that a path does not have; Gin has set Allow.
func notAllowed(c *gin.Context) {
	_ = c.Error(&web.Problem{Status: http.StatusMethodNotAllowed, Detail: "This path does not have this method: see Allow."})
}

// refuseLarge answers a body that announces its size before any of it is read.
func refuseLarge(limit int64) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Request.ContentLength > limit {
			c.Header("Connection", "close")
			_ = c.Error(web.TooLarge(limit))
			c.Abort()
		}
	}
}

// What secure sets, shared by all answers: Header's methods replace a value's
// list, and never write into it.
var (
	nosniff    = []string{"nosniff"}
	deny       = []string{"DENY"}
	noReferrer = []string{"no-referrer"}
)

// secure sets the headers that cost nothing and that browsers heed.
func secure(c *gin.Context) {
	header := c.Writer.Header()
	header["X-Content-Type-Options"] = nosniff
	header["X-Frame-Options"] = deny
	header["Referrer-Policy"] = noReferrer
}
