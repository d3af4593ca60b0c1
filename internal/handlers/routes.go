// Package handlers is the HTTP side: routes, the session's middleware, input,
// answers and errors. It reads no environment, opens no connection, and holds
// no query: those are in package models.
package handlers

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/db"
)

// Options are what the API needs. Each value has been checked by package config.
type Options struct {
	DB                 *db.DB
	Log                *slog.Logger
	State              *State
	Metrics            *Metrics // none: not measured
	RequestTimeout     time.Duration
	MaxBodyBytes       int64
	IdempotencyTTL     time.Duration // 0: a day
	APIKeys            []string      // secret; none: everybody may call
	CORSAllowedOrigins []string
	TrustedProxies     []string
}

// New returns the whole API.
func New(o Options) (http.Handler, error) {
	engine, err := newEngine(o)
	if err != nil {
		return nil, err
	}
	// Around the engine: through Gin's writer the limit would not reach net/http.
	return http.MaxBytesHandler(engine, o.MaxBodyBytes), nil
}

func newEngine(o Options) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	if err := engine.SetTrustedProxies(o.TrustedProxies); err != nil {
		return nil, err
	}
	if o.Metrics != nil {
		engine.Use(o.Metrics.measure)
	}
	engine.Use(limitTime(o.RequestTimeout), identify, takeTrace, logAccess(o.Log), closeWhenDraining(o.State), secure, answerErrors(o.Log), recoverPanics(o.Log))
	if len(o.CORSAllowedOrigins) > 0 {
		engine.Use(allowOrigins(o.CORSAllowedOrigins))
	}
	engine.Use(refuseLarge(o.MaxBodyBytes))
	engine.NoRoute(notFound)
	engine.NoMethod(notAllowed)
	return engine, register(engine, o)
}

// routes is every route of the API: what stands here is served, and is what
// /openapi.json says. A GET serves HEAD too. The errors that follow from the
// rest (a body: 400, 408, 415, 422; an :id: 404; and so on) are not repeated.
func routes(o Options, d docs, document gin.HandlerFunc) []route {
	// Replace authenticate with your own access control. It runs before session,
	// so that a caller without a key takes no connection.
	access := authenticate(o.APIKeys)
	tx := func(fn txHandler, opts ...db.SessionOption) endpoint {
		return endpoint{chain: gin.HandlersChain{access, session(o.DB, opts...), handle(fn)}, transactional: true}
	}
	open := func(fn gin.HandlerFunc) endpoint { return endpoint{chain: gin.HandlersChain{fn}} }
	h := &health{db: o.DB, state: o.State}
	return []route{
		{
			method: "POST", path: "/items", name: "createItem", summary: "Create an item", serve: tx(createItem), idempotent: true,
			body: newItem{}, replies: []reply{{status: 201, body: item{}, headers: "Location ETag"}}, fails: []int{409},
		},
		{
			method: "GET", path: "/items", name: "listItems", summary: "List items, newest first", serve: tx(listItems),
			query: itemQuery{}, replies: []reply{{status: 200, body: itemPage{}}},
		},
		{
			method: "GET", path: "/items/:id", name: "getItem", summary: "Fetch an item", serve: tx(getItem),
			condition: "If-None-Match", replies: []reply{{status: 200, body: item{}, headers: "ETag"}},
		},
		{
			method: "PATCH", path: "/items/:id", name: "updateItem", summary: "Change some members of an item", serve: tx(updateItem),
			body: itemChanges{}, examples: itemMoves, condition: "If-Match",
			replies: []reply{{status: 200, body: item{}, headers: "ETag"}}, fails: []int{409},
		},
		{
			method: "DELETE", path: "/items/:id", name: "deleteItem", summary: "Delete an item", serve: tx(deleteItem),
			condition: "If-Match", replies: []reply{{status: 204}},
		},
		{
			method: "GET", path: "/health/live", name: "live", summary: "Does the process serve?", serve: open(h.live),
			replies: []reply{{status: 200, body: healthStatus{}}},
		},
		{
			method: "GET", path: "/health/ready", name: "ready", summary: "Should requests be sent here?", serve: open(h.ready),
			replies: []reply{{status: 200, body: healthStatus{}}, {status: 503, body: healthStatus{}}},
		},
		{
			method: "GET", path: "/health/db", name: "pool", summary: "How are the database and the pool?", serve: open(h.pool),
			replies: []reply{{status: 200, body: poolStatus{}}, {status: 503, body: poolStatus{}}},
		},
		{
			method: "GET", path: "/openapi.json", name: "openapi", summary: "This document", serve: open(document),
			condition: "If-None-Match", replies: []reply{{status: 200, body: map[string]any{}, headers: "ETag"}},
		},
		{
			method: "GET", path: "/docs", name: "docs", summary: "A page to read and try the API", serve: open(d.page),
			condition: "If-None-Match", replies: []reply{{status: 200, media: "text/html", headers: "ETag"}},
		},
		{
			method: "GET", path: "/docs/:file", name: "docsFile", summary: "The page's scripts, styles and licences", serve: open(d.file),
			condition: "If-None-Match", replies: []reply{{status: 200, media: "text/javascript text/css text/plain", headers: "ETag"}},
		},
	}
}

func allowOrigins(origins []string) gin.HandlerFunc {
	return onlyFrom(origins, cors.New(cors.Config{
		AllowOrigins:  origins,
		AllowMethods:  []string{"GET", "HEAD", "POST", "PATCH", "DELETE"},
		AllowHeaders:  []string{"Authorization", "Content-Type", keyHeader, "If-Match", "If-None-Match", "X-Request-ID"},
		ExposeHeaders: []string{"ETag", replayedHeader, "Location", "Retry-After", "X-Request-ID"},
		MaxAge:        time.Hour,
	}))
}
