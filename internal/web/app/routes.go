package app

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/web"
	"example.com/transcription-api/internal/web/docs"
	"example.com/transcription-api/internal/web/openapi"
)

var ownTags = []openapi.Tag{
	{Name: "health", Description: "Probes; open to everybody"},
	{Name: "documents", Description: "This description; open to everybody"},
}

// ownRoutes are those that any service has: health and documents, open to everybody.
func ownRoutes(h *health, page docs.Page, document gin.HandlerFunc) []openapi.Route {
	open := func(fn gin.HandlerFunc) openapi.Endpoint { return openapi.Endpoint{Chain: gin.HandlersChain{fn}} }
	return []openapi.Route{
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
			Method: "GET", Path: "/docs", Tag: "documents", Name: "docs", Summary: "A page to read and try the API", Serve: open(page.Index),
			About:     "It works without access to the internet.",
			Condition: "If-None-Match", Replies: []openapi.Reply{{Status: 200, Media: "text/html", Headers: "ETag"}},
		},
		{
			Method: "GET", Path: "/docs/:file", Tag: "documents", Name: "docsFile", Summary: "The page's scripts, styles and licences", Serve: open(page.File),
			About:     "Their names hold a digest of the content.",
			Condition: "If-None-Match", Replies: []openapi.Reply{{Status: 200, Media: "text/javascript text/css text/plain", Headers: "ETag"}},
		},
	}
}

// doors are the paths at which people look for the page, and where it is from
// there: relative, since only a proxy knows the prefix that it has cut off.
var doors = map[string]string{"/": "docs", "/docs/": "../docs"}

// notFound leads people to the page, and tells programs of it. A slash too many is told, not redirected: a POST would
// lose its body.
func notFound(engine *gin.Engine) gin.HandlerFunc {
	return func(c *gin.Context) {
		path, method := c.Request.URL.Path, c.Request.Method
		page, known := doors[path]
		switch {
		case known && (method == http.MethodGet || method == http.MethodHead):
			door(c, page)
		case strings.HasSuffix(path, "/") && isRoute(engine, strings.TrimSuffix(path, "/")):
			web.NotFound(c, "Without the slash at its end there is.")
		default:
			web.NotFound(c)
		}
	}
}

func door(c *gin.Context, page string) {
	c.Writer.Header().Add("Vary", "Accept")
	if strings.Contains(c.GetHeader("Accept"), "text/html") {
		c.Header("Location", page) // http.Redirect would make it absolute
		c.Status(http.StatusSeeOther)
		return
	}
	web.NotFound(c, "/docs describes the API to people, /openapi.json to programs.")
}

// isRoute tells of a path that some method has.
func isRoute(engine *gin.Engine, path string) bool {
	parts := strings.Split(path, "/")
	return slices.ContainsFunc(engine.Routes(), func(r gin.RouteInfo) bool {
		return slices.EqualFunc(strings.Split(r.Path, "/"), parts, func(pattern, part string) bool {
			return pattern == part || strings.HasPrefix(pattern, ":") && part != ""
		})
	})
}
