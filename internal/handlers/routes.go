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
	"example.com/transcription-api/internal/web/openapi"
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
	tx := func(fn txHandler, opts ...db.SessionOption) openapi.Endpoint {
		return openapi.Endpoint{Chain: gin.HandlersChain{access, session(o.DB, opts...), handle(fn)}, Transactional: true}
	}
	open := func(fn gin.HandlerFunc) openapi.Endpoint { return openapi.Endpoint{Chain: gin.HandlersChain{fn}} }
	h := &health{db: o.DB, state: o.State}
	return []route{
		{
			Method: "POST", Path: "/items", Name: "createItem", Summary: "Create an item", Serve: tx(createItem), Idempotent: true,
			Body: newItem{}, Replies: []openapi.Reply{{Status: 201, Body: item{}, Headers: "Location ETag"}}, Fails: []int{409},
		},
		{
			Method: "GET", Path: "/items", Name: "listItems", Summary: "List items, newest first", Serve: tx(listItems),
			Query: itemQuery{}, Replies: []openapi.Reply{{Status: 200, Body: itemPage{}}},
		},
		{
			Method: "GET", Path: "/items/:id", Name: "getItem", Summary: "Fetch an item", Serve: tx(getItem),
			Condition: "If-None-Match", Replies: []openapi.Reply{{Status: 200, Body: item{}, Headers: "ETag"}},
		},
		{
			Method: "PATCH", Path: "/items/:id", Name: "updateItem", Summary: "Change some members of an item", Serve: tx(updateItem),
			Body: itemChanges{}, Examples: itemMoves, Condition: "If-Match",
			Replies: []openapi.Reply{{Status: 200, Body: item{}, Headers: "ETag"}}, Fails: []int{409},
		},
		{
			Method: "DELETE", Path: "/items/:id", Name: "deleteItem", Summary: "Delete an item", Serve: tx(deleteItem),
			Condition: "If-Match", Replies: []openapi.Reply{{Status: 204}},
		},
		{
			Method: "GET", Path: "/health/live", Name: "live", Summary: "Does the process serve?", Serve: open(h.live),
			Replies: []openapi.Reply{{Status: 200, Body: healthStatus{}}},
		},
		{
			Method: "GET", Path: "/health/ready", Name: "ready", Summary: "Should requests be sent here?", Serve: open(h.ready),
			Replies: []openapi.Reply{{Status: 200, Body: healthStatus{}}, {Status: 503, Body: healthStatus{}}},
		},
		{
			Method: "GET", Path: "/health/db", Name: "pool", Summary: "How are the database and the pool?", Serve: open(h.pool),
			Replies: []openapi.Reply{{Status: 200, Body: poolStatus{}}, {Status: 503, Body: poolStatus{}}},
		},
		{
			Method: "GET", Path: "/openapi.json", Tag: "documents", Name: "openapi", Summary: "This document", Serve: open(document),
			Condition: "If-None-Match", Replies: []openapi.Reply{{Status: 200, Body: map[string]any{}, Headers: "ETag"}},
		},
		{
			Method: "GET", Path: "/docs", Tag: "documents", Name: "docs", Summary: "A page to read and try the API", Serve: open(d.page),
			Condition: "If-None-Match", Replies: []openapi.Reply{{Status: 200, Media: "text/html", Headers: "ETag"}},
		},
		{
			Method: "GET", Path: "/docs/:file", Tag: "documents", Name: "docsFile", Summary: "The page's scripts, styles and licences", Serve: open(d.file),
			Condition: "If-None-Match", Replies: []openapi.Reply{{Status: 200, Media: "text/javascript text/css text/plain", Headers: "ETag"}},
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
