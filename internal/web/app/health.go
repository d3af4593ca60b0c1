package app

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web"
)

// pingLimit is how long the database may take to answer a probe.
const pingLimit = 2 * time.Second

// State is what the probes must know of the server. The zero value is serving.
type State struct{ draining atomic.Bool }

// Drain makes /health/ready answer 503, and tells keep-alive clients to leave.
func (s *State) Drain() { s.draining.Store(true) }

// health answers the probes. They take no session, and are in no metric of it.
type health struct {
	db    *db.DB
	state *State
}

// ping asks for as long as pingLimit, whatever becomes of the prober: net/http
// ends the context of one that half-closes its connection (nc -N), which is told
// the truth all the same.
func ping(ctx context.Context, conn *db.DB) error {
	return conn.Ping(context.WithoutCancel(ctx), pingLimit)
}

type healthStatus struct {
	Status string `json:"status" validate:"oneof=ok draining unavailable"`
}

type poolStatus struct {
	Status    string    `json:"status" validate:"oneof=ok exhausted unavailable"`
	LatencyMS float64   `json:"latency_ms" validate:"min=0" example:"0.4"`
	Pool      db.Status `json:"pool"`

	Replica *db.Status `json:"replica,omitempty" doc:"The pool of the replica, where there is one."`
}

// live says that the process serves; it asks nobody.
func (h *health) live(c *gin.Context) { web.Respond(c, http.StatusOK, healthStatus{"ok"}) }

// ready says whether requests should be sent here. An exhausted pool is busy,
// not down: taking the instance out would only burden the others.
func (h *health) ready(c *gin.Context) {
	switch {
	case h.state.draining.Load():
		web.Respond(c, http.StatusServiceUnavailable, healthStatus{"draining"})
	case ping(c.Request.Context(), h.db) != nil:
		web.Respond(c, http.StatusServiceUnavailable, healthStatus{"unavailable"})
	default:
		web.Respond(c, http.StatusOK, healthStatus{"ok"})
	}
}

// pool shows the pool, whatever the state of the database.
func (h *health) pool(c *gin.Context) {
	start := time.Now()
	err := ping(c.Request.Context(), h.db)
	answer := poolStatus{Status: "ok", LatencyMS: float64(time.Since(start).Microseconds()) / 1000, Pool: h.db.Status()}
	if replica, _ := h.db.Replica(); replica != nil {
		figures := replica.Status()
		answer.Replica = &figures
	}
	status := http.StatusOK
	switch {
	case err != nil:
		answer.Status, status = "unavailable", http.StatusServiceUnavailable
	case answer.Pool.Exhausted():
		answer.Status = "exhausted"
	}
	web.Respond(c, status, answer)
}
