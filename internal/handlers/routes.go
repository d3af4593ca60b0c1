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
	RequestTimeout     time.Duration
	MaxBodyBytes       int64
	APIKeys            []string // secret; none: everybody may call
	CORSAllowedOrigins []string
	TrustedProxies     []string
}

// New returns the whole API.
func New(o Options) (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	if err := engine.SetTrustedProxies(o.TrustedProxies); err != nil {
		return nil, err
	}
	engine.Use(limitTime(o.RequestTimeout), identify, logAccess(o.Log), closeWhenDraining(o.State), secure, answerErrors(o.Log), recoverPanics(o.Log))
	if len(o.CORSAllowedOrigins) > 0 {
		engine.Use(allowOrigins(o.CORSAllowedOrigins))
	}
	engine.Use(refuseLarge(o.MaxBodyBytes))
	engine.NoRoute(notFound)
	engine.NoMethod(notAllowed)
	routes(engine, o)
	// Around the engine: through Gin's writer the limit would not reach net/http.
	return http.MaxBytesHandler(engine, o.MaxBodyBytes), nil
}

// routes is every route of the API.
func routes(engine *gin.Engine, o Options) {
	h := health{db: o.DB, state: o.State}
	get(engine, "/health/live", h.live)
	get(engine, "/health/ready", h.ready)
	get(engine, "/health/db", h.pool)

	// Replace authenticate with your own access control. It runs before session,
	// so that a caller without a key takes no connection.
	items := engine.Group("/items", authenticate(o.APIKeys), session(o.DB))
	items.POST("", handle(createItem))
	get(items, "", handle(listItems))
	get(items, "/:id", handle(getItem))
	items.PATCH("/:id", handle(updateItem))
	items.DELETE("/:id", handle(deleteItem))
}

// get registers a route for HEAD too: net/http leaves the body out.
func get(r gin.IRoutes, path string, handler gin.HandlerFunc) {
	r.GET(path, handler)
	r.HEAD(path, handler)
}

func allowOrigins(origins []string) gin.HandlerFunc {
	return cors.New(cors.Config{
		AllowOrigins:  origins,
		AllowMethods:  []string{"GET", "HEAD", "POST", "PATCH", "DELETE"},
		AllowHeaders:  []string{"Authorization", "Content-Type", "If-Match", "If-None-Match", "X-Request-ID"},
		ExposeHeaders: []string{"ETag", "Location", "Retry-After", "X-Request-ID"},
		MaxAge:        time.Hour,
	})
}
