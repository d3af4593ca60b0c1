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
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/openapi"
)

// Options are what the API needs. Each value has been checked by package config.
type Options struct {
	app.Settings
	DB      *db.DB
	Log     *slog.Logger
	State   *State
	Metrics *Metrics // none: not measured
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
	foreign, err := refuseForeign(o.CORSAllowedOrigins)
	if err != nil {
		return nil, err
	}
	engine.Use(refuseCutPaths, foreign, refuseLarge(o.MaxBodyBytes))
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
	return append([]route{
		{
			Method: "POST", Path: "/items", Name: "createItem", Summary: "Create an item", Serve: tx(createItem), Idempotent: true,
			About: "It is pending until a worker claims it. Location says where it is. With an Idempotency-Key a repeated request is carried out once.",
			Body:  newItem{}, Replies: []openapi.Reply{{Status: 201, Body: item{}, Headers: "Location ETag"}}, Fails: []int{409},
		},
		{
			Method: "GET", Path: "/items", Name: "listItems", Summary: "List items, newest first", Serve: tx(listItems),
			About: "A page at a time, without the transcripts. next_cursor leads to the next page; items that come or go in between shift none.",
			Query: itemQuery{}, Replies: []openapi.Reply{{Status: 200, Body: itemPage{}}},
		},
		{
			Method: "GET", Path: "/items/:id", Name: "getItem", Summary: "Fetch an item", Serve: tx(getItem),
			About:     "The whole item, with its transcript. ETag is its version.",
			Condition: "If-None-Match", Replies: []openapi.Reply{{Status: 200, Body: item{}, Headers: "ETag"}},
		},
		{
			Method: "PATCH", Path: "/items/:id", Name: "updateItem", Summary: "Change some members of an item", Serve: tx(updateItem),
			About: "A merge patch (RFC 7396): members that are left out stay, null clears. Of two that make the same move of status at once one gets 200, the other 409.",
			Body:  itemChanges{}, Examples: itemMoves, Condition: "If-Match",
			Replies: []openapi.Reply{{Status: 200, Body: item{}, Headers: "ETag"}}, Fails: []int{409},
		},
		{
			Method: "DELETE", Path: "/items/:id", Name: "deleteItem", Summary: "Delete an item", Serve: tx(deleteItem),
			About:     "With If-Match only the version that the client has seen.",
			Condition: "If-Match", Replies: []openapi.Reply{{Status: 204}},
		},
	}, ownRoutes(&health{db: o.DB, state: o.State}, d, document)...)
}

// ownRoutes are those that any service has: health and documents, open to everybody.
func ownRoutes(h *health, d docs, document gin.HandlerFunc) []route {
	open := func(fn gin.HandlerFunc) openapi.Endpoint { return openapi.Endpoint{Chain: gin.HandlersChain{fn}} }
	return []route{
		{
			Method: "GET", Path: "/health/live", Name: "live", Summary: "Does the process serve?", Serve: open(h.live),
			About:   "For liveness probes: it asks no database.",
			Replies: []openapi.Reply{{Status: 200, Body: healthStatus{}}},
		},
		{
			Method: "GET", Path: "/health/ready", Name: "ready", Summary: "Should requests be sent here?", Serve: open(h.ready),
			About:   "For readiness probes and load balancers: 503 while the service starts or stops, or when its database does not answer.",
			Replies: []openapi.Reply{{Status: 200, Body: healthStatus{}}, {Status: 503, Body: healthStatus{}}},
		},
		{
			Method: "GET", Path: "/health/db", Name: "pool", Summary: "How are the database and the pool?", Serve: open(h.pool),
			About:   "For people and dashboards. An exhausted pool is busy, not down: 200.",
			Replies: []openapi.Reply{{Status: 200, Body: poolStatus{}}, {Status: 503, Body: poolStatus{}}},
		},
		{
			Method: "GET", Path: "/openapi.json", Tag: "documents", Name: "openapi", Summary: "This document", Serve: open(document),
			About:     "OpenAPI 3.1, made from the routes that serve.",
			Condition: "If-None-Match", Replies: []openapi.Reply{{Status: 200, Body: map[string]any{}, Headers: "ETag"}},
		},
		{
			Method: "GET", Path: "/docs", Tag: "documents", Name: "docs", Summary: "A page to read and try the API", Serve: open(d.page),
			About:     "It works without access to the internet.",
			Condition: "If-None-Match", Replies: []openapi.Reply{{Status: 200, Media: "text/html", Headers: "ETag"}},
		},
		{
			Method: "GET", Path: "/docs/:file", Tag: "documents", Name: "docsFile", Summary: "The page's scripts, styles and licences", Serve: open(d.file),
			About:     "Their names hold a digest of the content.",
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
