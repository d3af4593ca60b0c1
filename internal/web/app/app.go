package app

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web/docs"
	"example.com/transcription-api/internal/web/inspect"
	"example.com/transcription-api/internal/web/openapi"
)

// Options are what an instance of the service needs. Each value has been checked
// by package config.
type Options struct {
	Settings
	DB      *db.DB
	Log     *slog.Logger
	State   *State
	Metrics *Metrics // none: not measured
	// OnlyLocal refuses requests to any other name than localhost and Host, which
	// may be empty. For a server on loopback that no proxy stands before.
	OnlyLocal bool
	Host      string
	// Inspect serves /dev/requests, which shows the statements of the last requests.
	// For development on one's own machine: it is nobody else's to read.
	Inspect bool
}

// API is what a service is: its routes, and what the document says beyond them.
type API struct {
	openapi.API
	// Access lets a request of a transactional route pass, or aborts it with an
	// error. It runs before the session begins, so that a caller who may not in
	// takes no connection. Without it callers need one of Options.APIKeys.
	Access gin.HandlerFunc
	// Routes are those with a session and all others, which tx is not used for.
	Routes func(tx Tx) []openapi.Route
}

// Handler serves a route in a session: one transaction, begun with its first
// statement, committed before the answer leaves, rolled back if it returns an error.
type Handler = func(c *gin.Context, tx *gorm.DB) error

// Tx gives a route access control and a session.
type Tx func(fn Handler, opts ...db.SessionOption) openapi.Endpoint

// New returns the service. The error names the route, the type and the field
// that can not be served.
func New(o Options, api API) (http.Handler, error) {
	engine, document, err := newEngine(o, api)
	if err != nil {
		return nil, err
	}
	// Around the engine: through Gin's writer the limit would not reach net/http.
	return service{http.MaxBytesHandler(engine, o.MaxBodyBytes), document}, nil
}

// Documented is a service that can tell what /openapi.json answers.
type Documented interface{ Document() []byte }

type service struct {
	http.Handler
	document []byte
}

func (s service) Document() []byte { return s.document }

func newEngine(o Options, api API) (*gin.Engine, []byte, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	engine.RemoteIPHeaders = []string{"X-Forwarded-For"} // X-Real-IP: many proxies pass on the client's own
	if err := engine.SetTrustedProxies(o.TrustedProxies); err != nil {
		return nil, nil, err
	}
	engine.Use(plainForwarded)
	if o.Metrics != nil {
		engine.Use(o.Metrics.measure)
	}
	addPage := inspectRequests(engine, o)
	engine.Use(limitTime(o.RequestTimeout), identify, takeTrace, logAccess(o.Log), closeWhenDraining(o.State), secure, answerErrors(o.Log), recoverPanics(o.Log))
	if len(o.CORSAllowedOrigins) > 0 {
		engine.Use(allowOrigins(o.CORSAllowedOrigins))
	}
	foreign, err := refuseForeign(o.CORSAllowedOrigins)
	if err != nil {
		return nil, nil, err
	}
	if o.OnlyLocal {
		engine.Use(refuseStrangeNames(o.Host))
	}
	engine.Use(refuseCutPaths, foreign, refuseLarge(o.MaxBodyBytes))
	engine.NoRoute(notFound(engine))
	engine.NoMethod(notAllowed)
	document, err := register(engine, o, api)
	addPage()
	return engine, document, err
}

// register adds the routes to the engine, and the document that describes them,
// which it returns.
func register(engine *gin.Engine, o Options, api API) ([]byte, error) {
	page, err := docs.New()
	if err != nil {
		return nil, err
	}
	var document docs.Asset
	routes := api.Routes(transactional(o, api))
	if o.Metrics != nil {
		o.Metrics.expect(routes)
	}
	routes = append(routes, ownRoutes(&health{db: o.DB, state: o.State}, page, func(c *gin.Context) { document.Serve(c) })...)
	if o.OnlyLocal {
		for i := range routes {
			routes[i].Fails = append(slices.Clip(routes[i].Fails), http.StatusMisdirectedRequest)
		}
	}
	if err := addOnce(routes, idempotency(cmp.Or(o.IdempotencyTTL, defaultTTL))); err != nil {
		return nil, err
	}
	about := api.API
	about.Keys, about.Tags = len(o.APIKeys) > 0, append(slices.Clip(about.Tags), ownTags...)
	text, err := openapi.Register(engine, about, routes)
	if err != nil {
		return nil, err
	}
	document = docs.JSON(text)
	return text, nil
}

// accessOf is the API's own access control, or that by keys.
func accessOf(o Options, api API) gin.HandlerFunc {
	if api.Access != nil {
		return api.Access
	}
	return authenticate(o.APIKeys)
}

func transactional(o Options, api API) Tx {
	access := accessOf(o, api)
	return func(fn Handler, opts ...db.SessionOption) openapi.Endpoint {
		if o.Inspect {
			opts = append(slices.Clip(opts), db.Watch(inspect.Watch))
		}
		return openapi.Endpoint{Chain: gin.HandlersChain{access, session(o.DB, opts...), handle(fn)}, Transactional: true}
	}
}

// addOnce puts once into the chains of idempotent routes: before the handler,
// after the session's middleware.
func addOnce(routes []openapi.Route, once gin.HandlerFunc) error {
	for i, r := range routes {
		if !r.Idempotent {
			continue
		}
		if !r.Serve.Transactional || r.Method == http.MethodGet {
			return fmt.Errorf("%s %s: an idempotent route needs a session that writes", r.Method, r.Path)
		}
		chain := r.Serve.Chain
		routes[i].Serve.Chain = slices.Insert(slices.Clone(chain), len(chain)-1, once)
	}
	return nil
}
