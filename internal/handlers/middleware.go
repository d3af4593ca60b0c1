package handlers

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"
)

type requestIDKey struct{}

// saneID is what a client's X-Request-ID must look like to be taken over.
var saneID = regexp.MustCompile(`^[A-Za-z0-9._:/+=@-]{1,128}$`)

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
// session rolls back.
func limitTime(limit time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), limit)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
	}
}

// recoverPanics turns a panic into a 500. If an answer has begun, or the client
// has cut the line, the connection is all that can be ended.
func recoverPanics(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			err, _ := fault.(error)
			if errors.Is(err, http.ErrAbortHandler) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
				c.Status(statusClientGone)
				c.Abort()
				return
			}
			log.LogAttrs(c.Request.Context(), slog.LevelError, "panic",
				slog.String("route", c.FullPath()), slog.String("error", fmt.Sprint(fault)), slog.String("stack", string(debug.Stack())))
			c.Abort()
			if c.Writer.Written() {
				panic(http.ErrAbortHandler)
			}
			writeProblem(c, &httpError{status: http.StatusInternalServerError, detail: "Something went wrong on our side."})
		}()
		c.Next()
	}
}

// secure sets the headers that cost nothing and that browsers heed.
func secure(c *gin.Context) {
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("X-Frame-Options", "DENY")
	c.Header("Referrer-Policy", "no-referrer")
}

// closeWhenDraining tells keep-alive clients to open their next connection
// elsewhere.
func closeWhenDraining(state *State) gin.HandlerFunc {
	return func(c *gin.Context) {
		if state.draining.Load() {
			c.Header("Connection", "close")
		}
	}
}

// authenticate is the seam for your own access control. It compares digests, so
// that the time taken tells neither a key's length nor its first characters.
func authenticate(keys []string) gin.HandlerFunc {
	digests := make([][sha256.Size]byte, len(keys))
	for i, key := range keys {
		digests[i] = sha256.Sum256([]byte(key))
	}
	return func(c *gin.Context) {
		if len(digests) == 0 {
			return
		}
		scheme, key, _ := strings.Cut(c.GetHeader("Authorization"), " ")
		given, known := sha256.Sum256([]byte(key)), 0
		for i := range digests {
			known |= subtle.ConstantTimeCompare(given[:], digests[i][:])
		}
		if known == 0 || !strings.EqualFold(scheme, "Bearer") {
			c.Header("WWW-Authenticate", "Bearer")
			_ = c.Error(&httpError{status: http.StatusUnauthorized, detail: "Send one of the service's keys: Authorization: Bearer KEY."})
			c.Abort()
		}
	}
}
