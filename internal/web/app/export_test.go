package app

import (
	"context"
	"crypto/sha256"
	"log/slog"

	"github.com/gin-gonic/gin"
)

// What the tests look into.
const MaxHeld = maxHeld

var (
	AddOnce          = addOnce
	AllowOrigins     = allowOrigins
	CleanPeriod      = cleanPeriod
	NotAllowed       = notAllowed
	CleanAgain       = cleanAgain
	ErrHeldTooLarge  = errHeldTooLarge
	Handle           = handle
	Once             = idempotency
	ParseTraceparent = parseTraceparent
	RequestID        = requestID
	Session          = session
)

// NewEngine is the service as a Gin engine, for routes of a test's own.
func NewEngine(o Options, api API) (*gin.Engine, error) {
	engine, _, err := newEngine(o, api)
	return engine, err
}

// Surround puts what logs and answers errors around a test's own routes.
func Surround(engine *gin.Engine, log *slog.Logger, more gin.HandlerFunc) {
	engine.Use(identify, logAccess(log), secure, answerErrors(log), recoverPanics(log), more)
}

// WithIDs is a request's context.
func WithIDs(ctx context.Context, request, trace string) context.Context {
	return context.WithValue(context.WithValue(ctx, requestIDKey{}, request), traceIDKey{}, trace)
}

// LockOfKey is the advisory lock that a request with this Idempotency-Key holds; without an API key everybody is one caller.
func LockOfKey(apiKey, method, route, key string) int64 {
	who := ""
	if apiKey != "" {
		sum := sha256.Sum256([]byte(apiKey))
		who = string(sum[:])
	}
	return lockNumber(digest(who, method, route), key)
}
