package main

import (
	"bytes"
	"encoding/json"
	"fmt"
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

const serviceDashboard = "grafana-dashboard.json"

func readDashboard(t *testing.T, name string) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, opsFolder+"/"+name)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// eachDashboard tests every one in the folder.
func eachDashboard(t *testing.T, test func(*testing.T, dashboard)) {
	t.Helper()
	files, err := filepath.Glob(opsFolder + "/grafana-dashboard*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { test(t, readDashboard(t, filepath.Base(file))) })
	}
}

// TestDashboard: what Grafana needs to import it anywhere, with panels that do
// not cover each other.
func TestDashboard(t *testing.T) {
	t.Parallel()
	eachDashboard(t, checkDashboard)
}

func checkDashboard(t *testing.T, d dashboard) {
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
	eachDashboard(t, checkQueries)
}

func checkQueries(t *testing.T, d dashboard) {
	var rules bytes.Buffer
	rules.WriteString("groups: [{name: dashboard, rules: [\n")
	queries := d.expressions()
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
