package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestDashboardShows has a Prometheus scrape a service in use: each query of each panel shows something. With -update it draws for the
// README what they show of a minute in which the database stalls twice.
func TestDashboardShows(t *testing.T) {
	t.Parallel()
	proxy := dbtest.NewProxy(t, dbtest.New(t))
	p := start(t, map[string]string{
		"DATABASE_URL": proxy.URL(), "API_TEST_RUN_MAIN": "service", "ADMIN_ADDR": "127.0.0.1:0",
		"DB_POOL_SIZE": "2", "DB_MAX_OVERFLOW": "2", "DB_POOL_TIMEOUT": "0.2",
	})
	base, admin := p.url(), p.await(`admin=http://(\S+)`)[1]
	panels := readDashboard(t, serviceDashboard).Panels
	prom := startPrometheus(t, scrapeJob(t), admin)
	keepBusy(t, base)
	prom.showsAll(t, panels, func() {})
	if *update {
		for _, calm := range []time.Duration{30 * time.Second, 15 * time.Second} {
			time.Sleep(calm)
			proxy.Stall()
			time.Sleep(time.Second) // longer than DB_POOL_TIMEOUT
			proxy.Pass()
		}
		time.Sleep(15 * time.Second)
		if err := os.WriteFile("../../docs/dashboard.svg", drawDashboard(prom.charts(t, panels, time.Minute), time.Minute), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// showsAll waits until each query of each panel shows something, and does what gives them something meanwhile.
func (p scraper) showsAll(t *testing.T, panels []panel, meanwhile func()) {
	t.Helper()
	var nothing []string
	defer func() {
		if t.Failed() {
			t.Logf("these show nothing: %q", nothing)
		}
	}()
	dbtest.Eventually(t, "every query shows something", func() bool {
		meanwhile()
		nothing = empty(p.charts(t, panels, 10*time.Second))
		return len(nothing) == 0
	})
}

// empty lists what shows nothing.
func empty(charts []chart) (queries []string) {
	for _, c := range charts {
		queries = append(queries, c.empty...)
	}
	return queries
}

// keepBusy creates, reads, lists and misses, by eight clients, until the test ends.
func keepBusy(t *testing.T, base string) {
	t.Helper()
	path, body := creation(t, base)
	for range 8 {
		go func() {
			for n := 0; t.Context().Err() == nil; n++ {
				method, rest := http.MethodGet, []string{"", "/1", "?limit=2", "/2", "/" + strconv.Itoa(1<<20)}[n%5]
				if rest == "" {
					method = http.MethodPost
				}
				_, _ = send(t.Context(), http.DefaultClient, method, base+path+rest, body)
				time.Sleep(time.Duration(20+n%7) * time.Millisecond)
			}
		}()
	}
}

// scraper is a running Prometheus, and the name by which it knows what it scrapes.
type scraper struct{ address, job string }

func startPrometheus(t *testing.T, job, target string) scraper {
	t.Helper()
	folder := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs: [{job_name: %s, static_configs: [{targets: [%q]}]}]\n", job, target)
	if err := os.WriteFile(filepath.Join(folder, "prometheus.yml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	prom := scraper{free.Addr().String(), job}
	free.Close()
	output := new(dbtest.Log)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, dbtest.Program(t, "prometheus", "prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address="+prom.address)
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if _ = cmd.Wait(); t.Failed() {
			t.Logf("Prometheus says:\n%s", output)
		}
	})
	dbtest.Eventually(t, "Prometheus is ready", func() bool {
		a, err := send(ctx, http.DefaultClient, http.MethodGet, "http://"+prom.address+"/-/ready", "")
		return err == nil && a.status == http.StatusOK
	})
	return prom
}

// scrapeJob is the name by which rules and dashboard know the service.
func scrapeJob(t *testing.T) string {
	t.Helper()
	return regexp.MustCompile(`job_name: (\S+)`).FindStringSubmatch(read(t, opsFolder+"/prometheus.yml"))[1]
}

// line is one series of a panel, by its moments in seconds.
type line struct {
	name   string
	points [][2]float64
}

type chart struct {
	panel
	lines []line
	empty []string // the queries that show nothing
}

// charts asks what the panels ask, over the last span.
func (p scraper) charts(t *testing.T, panels []panel, span time.Duration) (charts []chart) {
	t.Helper()
	now := time.Now()
	variables := strings.NewReplacer("$job", p.job, "$instance", ".*", "$__rate_interval", "5s")
	for _, panel := range panels {
		c := chart{panel: panel}
		for _, target := range panel.Targets {
			lines := p.ask(t, variables.Replace(target.Expr), target.LegendFormat, now.Add(-span), now)
			if c.lines = append(c.lines, lines...); len(lines) == 0 {
				c.empty = append(c.empty, c.Title+": "+target.Expr)
			}
		}
		charts = append(charts, c)
	}
	return charts
}

func (p scraper) ask(t *testing.T, query, legend string, from, to time.Time) (lines []line) {
	t.Helper()
	moment := func(at time.Time) string { return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64) }
	form := url.Values{"query": {query}, "start": {moment(from)}, "end": {moment(to)}, "step": {"1"}}
	var result struct {
		Error string
		Data  struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any // seconds, and the figure as text
			}
		}
	}
	if err := json.Unmarshal([]byte(get(t, "http://"+p.address+"/api/v1/query_range?"+form.Encode()).body), &result); err != nil || result.Error != "" {
		t.Fatalf("%s: %v %s", query, err, result.Error)
	}
	for _, series := range result.Data.Result {
		l := line{name: legend}
		for label, value := range series.Metric {
			l.name = strings.ReplaceAll(l.name, "{{"+label+"}}", value)
		}
		for _, value := range series.Values {
			seconds, _ := value[0].(float64)
			text, _ := value[1].(string)
			if figure, err := strconv.ParseFloat(text, 64); err == nil && figure == figure { // not NaN
				l.points = append(l.points, [2]float64{seconds - float64(from.UnixMilli())/1000, figure})
			}
		}
		if len(l.points) > 0 {
			lines = append(lines, l)
		}
	}
	return lines
}
