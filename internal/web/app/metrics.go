package app

import (
	"context"
	"math"
	"net/http"
	"net/http/pprof"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web/openapi"
)

// Metrics are the service's figures, in a registry of their own.
type Metrics struct {
	db       *db.DB
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	dbUp     prometheus.Gauge
}

// NewMetrics registers the figures of the API, the pool, Go and the process.
func NewMetrics(conn *db.DB) *Metrics {
	labels := []string{"route", "method", "status"}
	m := &Metrics{
		db:       conn,
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests answered, by route pattern, method and status.",
		}, labels),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time from the request's headers to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, labels),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight", Help: "Requests being worked on now.",
		}),
		dbUp: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "db_up", Help: "1 if the database answered within 2 s of this scrape, else 0.",
		}),
	}
	m.registry.MustRegister(m.requests, m.duration, m.inFlight, m.dbUp, newPoolCollector("db_pool_", conn),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if pool, _ := conn.Replica(); pool != nil {
		about := prometheus.GaugeOpts{Name: "db_replica_lag_seconds", Help: "How old what is read from the replica may be."}
		m.registry.MustRegister(newPoolCollector("db_replica_pool_", pool), prometheus.NewGaugeFunc(about, func() float64 { return replicaLag(conn) }))
	}
	return m
}

// Register adds figures of the service's own to those that Handler serves.
func (m *Metrics) Register(figures ...prometheus.Collector) { m.registry.MustRegister(figures...) }

// replicaLag is +Inf while nothing is known of the replica.
func replicaLag(conn *db.DB) float64 {
	_, lag := conn.Replica()
	if lag > 365*24*time.Hour {
		return math.Inf(1)
	}
	return lag.Seconds()
}

// Handler serves /metrics and /debug/pprof/. It belongs on an address that only
// operators reach.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	figures := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		m.probe(r.Context())
		figures.ServeHTTP(w, r)
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// probe asks the database at every scrape, since an instance without requests
// would not notice otherwise that it is down. Like a health probe it is in no figure
// of the pool.
func (m *Metrics) probe(ctx context.Context) {
	up := 1.0
	if ping(ctx, m.db) != nil {
		up = 0
	}
	m.dbUp.Set(up)
}

// knownMethods bounds the method label, which clients could otherwise fill at will.
var knownMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// measure counts requests by the route's pattern, never by their path: that
// would make a series for every id.
func (m *Metrics) measure(c *gin.Context) {
	start, whole := time.Now(), false
	m.inFlight.Inc()
	defer func() { // also when the connection is ended by a panic
		m.inFlight.Dec()
		status := c.Writer.Status()
		if !whole && status < http.StatusBadRequest {
			status = http.StatusInternalServerError // the answer had begun, and was cut
		}
		m.count(c, status, time.Since(start))
	}()
	c.Next()
	whole = true
}

// expect begins the series of the server's own failures at 0: a rate misses
// what was counted before a series was first seen.
func (m *Metrics) expect(routes []openapi.Route) {
	for _, route := range routes {
		for _, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
			m.requests.WithLabelValues(route.Path, route.Method, strconv.Itoa(status))
		}
	}
}

func (m *Metrics) count(c *gin.Context, status int, took time.Duration) {
	route, method, code := c.FullPath(), c.Request.Method, strconv.Itoa(status)
	if route == "" {
		route = "unmatched"
	}
	if !slices.Contains(knownMethods, method) {
		method = "other"
	}
	m.requests.WithLabelValues(route, method, code).Inc()
	m.duration.WithLabelValues(route, method, code).Observe(took.Seconds())
}

// poolCollector reads the pool's figures when they are asked for.
type poolCollector struct {
	db      *db.DB
	figures []poolFigure
}

type poolFigure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(db.Status, db.Counters) float64
}

func newPoolCollector(prefix string, conn *db.DB) *poolCollector {
	p := &poolCollector{db: conn}
	add := func(kind prometheus.ValueType, name, help string, read func(db.Status, db.Counters) float64) {
		p.figures = append(p.figures, poolFigure{prometheus.NewDesc(prefix+name, help, nil, nil), kind, read})
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	add(gauge, "size", "Connections kept open (DB_POOL_SIZE).", func(s db.Status, _ db.Counters) float64 { return float64(s.Size) })
	add(gauge, "max_overflow", "Connections allowed beyond size (DB_MAX_OVERFLOW).", func(s db.Status, _ db.Counters) float64 { return float64(s.MaxOverflow) })
	add(gauge, "checked_in", "Idle open connections.", func(s db.Status, _ db.Counters) float64 { return float64(s.CheckedIn) })
	add(gauge, "checked_out", "Connections in use by sessions.", func(s db.Status, _ db.Counters) float64 { return float64(s.CheckedOut) })
	add(gauge, "overflow", "Open connections beyond size.", func(s db.Status, _ db.Counters) float64 { return float64(s.Overflow) })
	add(gauge, "waiting", "Sessions that wait for a connection.", func(s db.Status, _ db.Counters) float64 { return float64(s.Waiting) })
	add(counter, "acquires_total", "Connections handed to sessions.", func(_ db.Status, c db.Counters) float64 { return float64(c.Acquires) })
	add(counter, "wait_seconds_total", "Time that sessions waited for a connection.", func(_ db.Status, c db.Counters) float64 { return c.Wait.Seconds() })
	add(counter, "timeouts_total", "Sessions that got no connection within DB_POOL_TIMEOUT.", func(_ db.Status, c db.Counters) float64 { return float64(c.Timeouts) })
	add(counter, "connections_opened_total", "Connections opened.", func(_ db.Status, c db.Counters) float64 { return float64(c.Opened) })
	add(counter, "connections_recycled_total", "Connections replaced for their age.", func(_ db.Status, c db.Counters) float64 { return float64(c.Recycled) })
	add(counter, "connections_invalidated_total", "Connections replaced because one of their age was dead.", func(_ db.Status, c db.Counters) float64 { return float64(c.Invalidated) })
	return p
}

// Describe implements prometheus.Collector.
func (p *poolCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range p.figures {
		ch <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (p *poolCollector) Collect(ch chan<- prometheus.Metric) {
	status, counters := p.db.Status(), p.db.Counters()
	for _, f := range p.figures {
		ch <- prometheus.MustNewConstMetric(f.desc, f.kind, f.read(status, counters))
	}
}
