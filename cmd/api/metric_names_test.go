package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestMetricNames: rules and dashboard name no metric that a running server
// does not serve, and the dashboard and the docs leave none of its own out.
func TestMetricNames(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"DATABASE_URL": dbtest.Things(t), "ADMIN_ADDR": "127.0.0.1:0"})
	base, admin := p.url(), p.await(`admin=(http://\S+)`)[1]
	if a := get(t, base+"/things"); a.status != http.StatusOK {
		t.Fatalf("GET /things: %d", a.status)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/"} {
		if a := get(t, base+path); a.status != http.StatusNotFound {
			t.Errorf("%s on the API's port: %d, want 404", path, a.status)
		}
		if a := get(t, admin+path); a.status != http.StatusOK {
			t.Errorf("%s on ADMIN_ADDR: %d, want 200", path, a.status)
		}
	}
	served := servedMetrics(get(t, admin+"/metrics").body)
	used := map[string]bool{}
	rules := regexp.MustCompile(`(?s)expr: (.*?)\n +(for|labels):`).FindAllStringSubmatch(read(t, opsFolder+"/alerts.yml"), -1)
	for _, rule := range rules {
		mustServe(t, served, used, rule[1])
	}
	for _, query := range readDashboard(t, serviceDashboard).expressions() {
		mustServe(t, served, used, query)
	}
	docs := read(t, "../../docs/operations.md")
	for name, own := range served {
		if !own {
			continue
		}
		if family := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count"); !strings.Contains(docs, "| `"+family+"` |") {
			t.Errorf("%s is not in the table of docs/operations.md", family)
		}
		if !used[name] {
			t.Errorf("%s is neither in the dashboard nor in an alert", name)
		}
	}
}

// servedMetrics returns the names of all series; true marks the service's own.
func servedMetrics(exposition string) map[string]bool {
	served := map[string]bool{"up": false} // Prometheus' own
	for _, match := range regexp.MustCompile(`(?m)^([a-zA-Z_:][\w:]*)`).FindAllStringSubmatch(exposition, -1) {
		served[match[1]] = strings.HasPrefix(match[1], "http_") || strings.HasPrefix(match[1], "db_")
	}
	return served
}

func mustServe(t *testing.T, served, used map[string]bool, query string) {
	t.Helper()
	names := queriedMetrics(query)
	if len(names) == 0 {
		t.Errorf("no metric in %s", query)
	}
	for _, name := range names {
		used[name] = true
		if _, ok := served[name]; !ok {
			t.Errorf("%s is not served; it is used in %s", name, query)
		}
	}
}

// queriedMetrics finds the metrics in PromQL: the names that are left without
// selectors, ranges, lists of labels, functions and keywords.
func queriedMetrics(query string) []string {
	query = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]|\b(by|without|on|ignoring|group_left|group_right) \([^)]*\)|offset \w+`).ReplaceAllString(query, " ")
	var names []string
	for _, match := range regexp.MustCompile(`\b([a-zA-Z_:][\w:]*)\b\s*(\()?`).FindAllStringSubmatch(query, -1) {
		switch match[1] {
		case "and", "or", "unless":
		default:
			if match[2] == "" {
				names = append(names, match[1])
			}
		}
	}
	return names
}
