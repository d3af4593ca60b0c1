package app

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
)

const (
	txKey    = "tx"       // the request's *gorm.DB
	statsKey = "db_stats" // its db.Stats, for the access log
)

// DB returns the request's session, for middlewares; handlers get it as their
// argument. It is one transaction, begun with the first
// statement, committed before the answer leaves, rolled back on an error, a
// status from 400 on or a panic.
func DB(c *gin.Context) *gorm.DB { return c.MustGet(txKey).(*gorm.DB) }

// session gives every request of its group a session, and holds the answer back
// until that has ended. GET and HEAD begin READ ONLY: what they answer does not
// wait for their COMMIT, and may come from the replica.
func session(conn *db.DB, opts ...db.SessionOption) gin.HandlerFunc {
	latest := append([]db.SessionOption{db.ReadOnly()}, opts...)
	reading := append([]db.SessionOption{db.FromReplica()}, latest...)
	return func(c *gin.Context) {
		choice := opts
		if c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
			choice = reading
			if wantsLatest(c.Request.Header) {
				choice = latest
			}
		}
		ctx := c.Request.Context() // a handler may leave the request with one of its own, which ends with the handler
		s := conn.NewSession(ctx, choice...)
		c.Set(txKey, s.DB())
		held := hold(c.Writer)
		c.Writer = held
		defer func() { // also when the handler panics: the recovery answers then
			s.Rollback()
			c.Set(statsKey, s.Stats())
			c.Writer = held.ResponseWriter
		}()
		c.Next()
		end(ctx, c, s, held)
	}
}

// wantsLatest reports a client that has an ETag, maybe of its own write just now,
// or wants no cache: a replica that is a little behind is like one.
func wantsLatest(h http.Header) bool {
	return h.Get("If-None-Match") != "" || h.Get("If-Match") != "" || strings.Contains(strings.ToLower(strings.Join(h.Values("Cache-Control"), ",")), "no-cache")
}

// end commits or rolls back, and only then lets the answer go. Where there is
// an error, the error middleware answers instead. A programming error that the
// session has met is answered and logged also where the handler hides it.
func end(ctx context.Context, c *gin.Context, s *db.Session, held *heldWriter) {
	if held.overflow {
		_ = c.Error(errHeldTooLarge)
	}
	if ctx.Err() != nil && len(c.Errors) == 0 {
		_ = c.Error(context.Cause(ctx))
	}
	switch {
	case len(c.Errors) > 0:
		s.Rollback()
		reportMisuse(c, s)
		return
	case held.Status() >= http.StatusBadRequest:
		s.Rollback()
		if reportMisuse(c, s) {
			return
		}
		held.release()
	default:
		if err := s.Finish(); err != nil {
			_ = c.Error(err)
			return
		}
		answer(c.Request.Method, s, held)
	}
}

// answer lets the answer go, and then the hooks of AfterCommit, which the client
// does not wait for: they run elsewhere, and the answer is flushed, since
// net/http may otherwise keep its end until the handler has returned. They are counted
// before, so that a stop in between waits for them.
func answer(method string, s *db.Session, held *heldWriter) {
	if !s.HasHooks() {
		held.release()
		return
	}
	left := make(chan struct{})
	defer close(left)
	s.GoHooks(left)
	held.sayEmpty(method)
	held.release()
	held.ResponseWriter.Flush()
}

// reportMisuse makes the session's programming error, if there is one, the
// request's error.
func reportMisuse(c *gin.Context, s *db.Session) bool {
	misuse := s.Misuse()
	if misuse == nil {
		return false
	}
	if last := c.Errors.Last(); last == nil || !errors.Is(last.Err, misuse) {
		_ = c.Error(misuse)
	}
	return true
}

// handle adapts a handler that returns its error, which can not be forgotten.
func handle(fn func(c *gin.Context, tx *gorm.DB) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := fn(c, DB(c)); err != nil {
			_ = c.Error(err)
			c.Abort()
		}
	}
}
