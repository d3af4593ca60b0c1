package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// opsFolder holds the alerts and the dashboard.
const opsFolder = "../../ops"

// promtool runs Prometheus' own tool.
func promtool(t *testing.T, args ...string) (output string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), dbtest.Program(t, "prometheus", "promtool"), args...)
	cmd.Dir = opsFolder
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestAlerts checks the rules, and runs the tests in which each of them fires.
func TestAlerts(t *testing.T) {
	t.Parallel()
	if out, err := promtool(t, "check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := promtool(t, "test", "rules", "alerts_test.yml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestAlertsAreTested: no alert is without a test in which it fires and one in
// which it does not, a severity, and a section of docs/operations.md.
func TestAlertsAreTested(t *testing.T) {
	t.Parallel()
	rules, tests, docs := read(t, opsFolder+"/alerts.yml"), read(t, opsFolder+"/alerts_test.yml"), read(t, "../../docs/operations.md")
	alerts := regexp.MustCompile(`(?s)- alert: (\w+)\n(.*?)runbook: docs/operations\.md#([a-z-]+)\n`).FindAllStringSubmatch(rules, -1)
	if n := strings.Count(rules, "- alert:"); n != len(alerts) || n < 5 {
		t.Fatalf("%d alerts, %d with a runbook", n, len(alerts))
	}
	for _, alert := range alerts {
		name, rule, section := alert[1], alert[2], alert[3]
		if strings.Contains(rule, "- alert:") || !regexp.MustCompile(`severity: (critical|warning)\b`).MatchString(rule) {
			t.Errorf("%s: want a runbook, and critical or warning as severity", name)
		}
		if !regexp.MustCompile(`alertname: ` + name + `, eval_time: \w+, exp_alerts: \[\]`).MatchString(tests) {
			t.Errorf("%s: no test in which it does not fire", name)
		}
		if !regexp.MustCompile(`alertname: ` + name + `\n\s+eval_time: \w+\n\s+exp_alerts:\n\s+- exp_labels`).MatchString(tests) {
			t.Errorf("%s: no test in which it fires", name)
		}
		if !strings.Contains(docs, "| `"+name+"` |") {
			t.Errorf("%s is not in the table of docs/operations.md", name)
		}
		if heading := "(?mi)^#+ " + strings.ReplaceAll(section, "-", "[ -]") + "$"; !regexp.MustCompile(heading).MatchString(docs) {
			t.Errorf("%s: no section %q in docs/operations.md", name, section)
		}
	}
}

// dashboard is what the tests need to know of a Grafana dashboard.
type dashboard struct {
	SchemaVersion int    `json:"schemaVersion"`
	UID           string `json:"uid"`
	Templating    struct {
		List []struct{ Name, Type string } `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID          int                      `json:"id"`
	Type, Title string                   //
	GridPos     struct{ X, Y, W, H int } `json:"gridPos"`
	Datasource  struct{ UID string }     `json:"datasource"`
	FieldConfig struct {
		Defaults struct {
			Unit     string
			Mappings []struct {
				Options map[string]struct{ Text string }
			}
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Targets []struct{ Expr, RefID, LegendFormat string } `json:"targets"`
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, opsFolder+"/grafana-dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDashboard: what Grafana needs to import it anywhere, with panels that do
// not cover each other.
func TestDashboard(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	if d.SchemaVersion < 36 || d.UID == "" || len(d.Templating.List) == 0 || d.Templating.List[0].Type != "datasource" {
		t.Errorf("schema version %d, uid %q, variables %v", d.SchemaVersion, d.UID, d.Templating.List)
	}
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, panel := range d.Panels {
		if ids[panel.ID] {
			t.Errorf("%s: id %d is taken", panel.Title, panel.ID)
		}
		ids[panel.ID] = true
		if panel.Type != "row" && (panel.Datasource.UID != "${datasource}" || len(panel.Targets) == 0) {
			t.Errorf("%s: datasource %q, %d queries", panel.Title, panel.Datasource.UID, len(panel.Targets))
		}
		for x := range panel.GridPos.W {
			for y := range panel.GridPos.H {
				place := [2]int{panel.GridPos.X + x, panel.GridPos.Y + y}
				if other, ok := taken[place]; ok || place[0] > 23 {
					t.Fatalf("%s covers %s at %v, or leaves the grid", panel.Title, other, place)
				}
				taken[place] = panel.Title
			}
		}
	}
}

// expressions returns the dashboard's queries as Grafana sends them.
func (d dashboard) expressions() []string {
	filled := strings.NewReplacer("$__rate_interval", "1m", "$job", "transcription-api", "$instance", ".*")
	var all []string
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			all = append(all, filled.Replace(target.Expr))
		}
	}
	return all
}

// TestDashboardQueries lets Prometheus' parser read each query, as a rule.
func TestDashboardQueries(t *testing.T) {
	t.Parallel()
	var rules bytes.Buffer
	rules.WriteString("groups: [{name: dashboard, rules: [\n")
	queries := readDashboard(t).expressions()
	for i, query := range queries {
		fmt.Fprintf(&rules, "{record: 'query:%d', expr: %q},\n", i, query)
	}
	rules.WriteString("]}]\n")
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, rules.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := promtool(t, "check", "rules", file)
	if err != nil || !strings.Contains(out, fmt.Sprintf("%d rules found", len(queries))) {
		t.Errorf("%v\n%s", err, out)
	}
}

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
	for _, query := range readDashboard(t).expressions() {
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
