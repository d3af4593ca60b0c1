package main

import (
	"regexp"
	"strings"
	"testing"
)

const workDashboard = "grafana-dashboard-work.json"

// TestWorkDashboardShows has a Prometheus scrape a worker: each query of each panel shows something, and no metric is left out.
func TestWorkDashboardShows(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t)
	p := w.worker(map[string]string{"ADMIN_ADDR": "127.0.0.1:0"})
	admin := p.await(`admin=http://(\S+)`)[1]
	job := scrapeJob(t) + "-work"
	if !strings.Contains(read(t, opsFolder+"/prometheus.yml"), "job_name: "+job+" ") {
		t.Errorf("ops/prometheus.yml has no job %s", job)
	}
	d := readDashboard(t, workDashboard)
	prom := startPrometheus(t, job, admin)
	prom.showsAll(t, d.Panels, func() {
		w.add("quick", 2)
		w.add("is hopeless", 1)
	})

	served, used := servedMetrics(get(t, "http://"+admin+"/metrics").body), map[string]bool{}
	for _, query := range d.expressions() {
		for _, name := range queriedMetrics(query) {
			used[regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")] = true
		}
	}
	for name := range served {
		if family := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, ""); strings.HasPrefix(name, "work_") && !used[family] {
			t.Errorf("%s is not in the dashboard", family)
		}
	}
}
