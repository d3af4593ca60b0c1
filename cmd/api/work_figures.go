package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/models"
	"example.com/transcription-api/internal/web/app"
)

// workFigures are a crew's metrics, on ADMIN_ADDR beside those of the pool.
type workFigures struct {
	items    *prometheus.CounterVec
	duration prometheus.Histogram
	inHand   prometheus.Gauge
}

func newWorkFigures(ctx context.Context, conn *db.DB, metrics *app.Metrics) *workFigures {
	f := &workFigures{
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "work_items_total", Help: "Items whose work has ended, by outcome.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "work_item_duration_seconds", Help: "Time from the claim of an item to the commit of what became of it.",
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600},
		}),
		inHand: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "work_items_in_hand", Help: "Items being worked on now.",
		}),
	}
	for _, how := range outcomes { // a series that begins with its first failure would hide it from increase()
		f.items.WithLabelValues(string(how))
	}
	waiting := prometheus.NewDesc("work_oldest_pending_seconds", "For how long the item has waited that a worker would claim next; 0: none waits.", nil, nil)
	metrics.Register(f.items, f.duration, f.inHand, &waitingCollector{context.WithoutCancel(ctx), conn, waiting})
	return f
}

// begin counts an item in, and what it returns counts it out.
func (f *workFigures) begin() (end func()) {
	begun := time.Now()
	f.inHand.Inc()
	return func() {
		f.inHand.Dec()
		f.duration.Observe(time.Since(begun).Seconds())
	}
}

func (f *workFigures) ended(how outcome) { f.items.WithLabelValues(string(how)).Inc() }

// waitingCollector asks the database at each scrape. Without an answer the
// series is missing, and the others are served.
type waitingCollector struct {
	ctx  context.Context // a scrape gives none
	conn *db.DB
	desc *prometheus.Desc
}

// waitingLimit is less than a scrape's usual time-out.
const waitingLimit = 2 * time.Second

// Describe implements prometheus.Collector.
func (w *waitingCollector) Describe(ch chan<- *prometheus.Desc) { ch <- w.desc }

// Collect implements prometheus.Collector.
func (w *waitingCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(w.ctx, waitingLimit)
	defer cancel()
	var waiting time.Duration
	err := w.conn.WithSession(ctx, func(tx *gorm.DB) (err error) {
		waiting, err = models.WaitingItem(ctx, tx)
		return err
	}, db.ReadOnly())
	if err == nil {
		ch <- prometheus.MustNewConstMetric(w.desc, prometheus.GaugeValue, waiting.Seconds())
	}
}
