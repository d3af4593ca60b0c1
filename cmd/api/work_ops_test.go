package main

import (
	"regexp"
	"strings"
	"testing"
)

// TestWorkAlerts: each rule fires and does not fire in its tests, has a section of docs/work.md, and asks for what a worker serves.
func TestWorkAlerts(t *testing.T) {
	t.Parallel()
	if out, err := promtool(t, "check", "rules", "--lint=all", "--lint-fatal", "alerts-work.yml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := promtool(t, "test", "rules", "alerts-work_test.yml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestWorkAlertsAreTold: no alert without its tests and its row and section in docs/work.md, no metric without its row.
func TestWorkAlertsAreTold(t *testing.T) {
	t.Parallel()
	rules, tests, docs := read(t, opsFolder+"/alerts-work.yml"), read(t, opsFolder+"/alerts-work_test.yml"), read(t, "../../docs/work.md")
	alerts := regexp.MustCompile(`(?s)- alert: (\w+)\n(.*?)runbook: docs/work\.md#([a-z-]+)\n`).FindAllStringSubmatch(rules, -1)
	if n := strings.Count(rules, "- alert:"); n != len(alerts) || n == 0 {
		t.Fatalf("%d alerts, %d with a runbook", n, len(alerts))
	}
	for _, alert := range alerts {
		if !strings.Contains(docs, "| `"+alert[1]+"` |") || !strings.Contains(strings.ToLower(docs), "# "+strings.ReplaceAll(alert[3], "-", " ")+"\n") {
			t.Errorf("%s has no row or no section %s in docs/work.md", alert[1], alert[3])
		}
		if strings.Count(tests, "alertname: "+alert[1]+",") == 0 || strings.Count(tests, "alertname: "+alert[1]+"\n") == 0 {
			t.Errorf("%s: no test in which it fires, or none in which it does not", alert[1])
		}
	}
	p := newWorkplace(t).worker(map[string]string{"ADMIN_ADDR": "127.0.0.1:0"})
	if percent := metric(t, p, "go_gc_gogc_percent"); percent != gcPercent {
		t.Errorf("go_gc_gogc_percent is %v, want serve's", percent)
	}
	served := servedMetrics(get(t, p.await(`admin=(http://\S+)`)[1]+"/metrics").body)
	for name := range served {
		family := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if strings.HasPrefix(name, "work_") && !strings.Contains(docs, "| `"+family+"` |") {
			t.Errorf("%s is not in docs/work.md", family)
		}
	}
	for _, rule := range regexp.MustCompile(`(?s)expr: (.*?)\n +(for|labels):`).FindAllStringSubmatch(rules, -1) {
		mustServe(t, served, map[string]bool{}, rule[1])
	}
}
