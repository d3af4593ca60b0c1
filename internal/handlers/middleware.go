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
	"slices"
	"strings"
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
// has cut the line, the connection is all that can be ended: net/http does so,
// in silence, for http.ErrAbortHandler.
func recoverPanics(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if isAbort(fault) {
				c.Status(web.StatusClientGone) // for the access log
				panic(http.ErrAbortHandler)
			}
			log.LogAttrs(c.Request.Context(), slog.LevelError, "panic",
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

// secure sets the headers that cost nothing and that browsers heed.
func secure(c *gin.Context) {
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("X-Frame-Options", "DENY")
	c.Header("Referrer-Policy", "no-referrer")
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
			setCaller(c, "")
			return
		}
		scheme, key, _ := strings.Cut(c.GetHeader("Authorization"), " ")
		given, known := sha256.Sum256([]byte(strings.TrimLeft(key, " "))), 0
		for i := range digests {
			known |= subtle.ConstantTimeCompare(given[:], digests[i][:])
		}
		if known == 0 || !strings.EqualFold(scheme, "Bearer") {
			c.Header("WWW-Authenticate", "Bearer")
			_ = c.Error(&web.Problem{Status: http.StatusUnauthorized, Detail: "Send one of the service's keys: Authorization: Bearer KEY."})
			c.Abort()
		}
		setCaller(c, string(given[:]))
	}
}

// onlyFrom runs the CORS middleware for the given origins. A request of another
// one is served without CORS headers, which browsers then enforce: pages of the
// service itself behind a proxy, and clients that are no browsers, send Origin too.
func onlyFrom(origins []string, cors gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		if slices.Contains(origins, "*") {
			cors(c)
			return
		}
		c.Header("Vary", "Origin") // so that no cache gives one origin another's answer
		if slices.Contains(origins, c.GetHeader("Origin")) {
			cors(c)
		}
	}
}
