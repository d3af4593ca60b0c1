package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/bench/internal/contest"
)

// TestMain lets the test binary be the program, as which a contest starts it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "serve" || os.Args[1] == "load") {
		main()
		return
	}
	os.Exit(m.Run())
}

// programs are the service, built for the test, and this test's own binary.
func programs(t *testing.T) contest.Programs {
	t.Helper()
	if os.Getenv("TEST_DATABASE_URL") == "" {
		if testing.Short() {
			t.Skip("needs PostgreSQL, and TEST_DATABASE_URL is not set")
		}
		t.Fatal("TEST_DATABASE_URL is not set; this brings up a PostgreSQL and runs these tests: make test-bench")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	service := filepath.Join(t.TempDir(), "api")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", service, "./cmd/api")
	build.Dir = ".."
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the service: %v\n%s", err, said)
	}
	return contest.Programs{Service: service, Bench: self}
}

// TestContest plays a very short one, after a look at whether all contenders
// answer alike.
func TestContest(t *testing.T) {
	programs, url := programs(t), os.Getenv("TEST_DATABASE_URL")
	skip := func(err error) {
		t.Helper()
		if errors.Is(err, contest.ErrNoItems) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	skip(contest.Alike(t.Context(), programs, url))
	plan := contest.Quick()
	plan.Rounds, plan.Rows, plan.Clients, plan.Sweep, plan.Far = 1, 100, []int{2}, []int{1, 20}, 5
	plan.Window, plan.WarmUp, plan.SweepFor = 50*time.Millisecond, 10*time.Millisecond, 50*time.Millisecond
	var progress bytes.Buffer
	results, err := contest.Run(t.Context(), plan, programs, url, &progress)
	skip(err)
	for _, c := range contest.Contenders {
		if got := len(results.Sweep[c.ID]); got != 2 {
			t.Errorf("%s: %d points in the picture, want 2", c.ID, got)
		}
		for _, round := range results.Rounds[c.ID] {
			if round.Memory < 1<<20 || round.Connections < 1 {
				t.Errorf("%s: %+v", c.ID, round)
			}
		}
		for work, f := range results.Far[c.ID] {
			if f.Waits < 1 || f.Statements < 1 || f.RoundTrips < 1 {
				t.Errorf("%s, %s from afar: %+v", c.ID, work, f)
			}
		}
	}
	for key, cells := range results.Cells {
		if len(cells) != 1 || cells[0].PerSecond <= 0 || cells[0].P99 < cells[0].P50 {
			t.Errorf("%+v: %+v", key, cells)
		}
	}
	if got, want := len(results.Cells), 4*4; got != want {
		t.Errorf("%d cells, want %d", got, want)
	}
	checkWrite(t, results)
}

func checkWrite(t *testing.T, results *contest.Results) {
	t.Helper()
	folder := t.TempDir()
	for range 2 { // the second time over the first report
		if err := write(folder, results, contest.About{When: time.Now(), Commit: "abc"}); err != nil {
			t.Fatal(err)
		}
	}
	document, err := os.ReadFile(filepath.Join(folder, "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(document), "## What ran"); n != 1 {
		t.Errorf("%d reports in the document, want 1", n)
	}
	if _, err := os.Stat(filepath.Join(folder, "performance.svg")); err != nil {
		t.Error(err)
	}
}

// TestGrow is a short one: pages to the last, and figures of a service at work.
func TestGrow(t *testing.T) {
	plan := contest.GrowthPlan{Rows: 250, PageSize: 100, Soak: 2 * time.Second, Clients: 1}
	g, err := contest.Grow(t.Context(), plan, programs(t), os.Getenv("TEST_DATABASE_URL"), io.Discard)
	if errors.Is(err, contest.ErrNoItems) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Pages) != 3 || g.Requests < 4 || len(g.P99) != 4 || len(g.Samples) != 3 {
		t.Errorf("%+v", g)
	}
	for _, s := range g.Samples {
		if s.Memory < 1<<20 || s.Goroutines < 5 || s.Files < 5 || s.Connections < 1 || s.At > plan.Soak+time.Minute {
			t.Errorf("%+v", s)
		}
	}
	if report := g.Report(contest.About{Commit: "abc"}); !strings.Contains(report, "250 items") || strings.Count(report, "\n| ") != 5 {
		t.Errorf("report: %s", report)
	}
}

// TestPredict measures each term of the model.
func TestPredict(t *testing.T) {
	points, err := contest.Predict(t.Context(), 300*time.Millisecond, programs(t), os.Getenv("TEST_DATABASE_URL"), io.Discard)
	if errors.Is(err, contest.ErrNoItems) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		if p.Service <= 0 || p.Load <= 0 || p.Held <= 0 || p.Measured <= 0 {
			t.Errorf("%+v", p)
		}
	}
	if report := contest.ModelReport(points, contest.About{Commit: "abc"}); strings.Count(report, "\n| ") != len(points)+2 {
		t.Errorf("report: %s", report)
	}
}

// TestContestWithoutItems says so instead of failing in the middle: a service
// whose migrations make no items.
func TestContestWithoutItems(t *testing.T) {
	programs, url := programs(t), os.Getenv("TEST_DATABASE_URL")
	programs.Service = "true"
	if _, err := contest.Run(t.Context(), contest.Quick(), programs, url, os.Stderr); !errors.Is(err, contest.ErrNoItems) {
		t.Errorf("%v, want %v", err, contest.ErrNoItems)
	}
}

// TestRunRefuses what is not a command, with words that help.
func TestRunRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"load"}, "usage: bench load"},
		{[]string{"load", "127.0.0.1:1", "get", "two", "1s", "0", "1s"}, "usage"},
		{[]string{"load", "127.0.0.1:1", "get", "two", "1s", "0", "soon", "10"}, `"two"`},
		{[]string{"serve", "nobody", "127.0.0.1:0"}, `no such contender: "nobody"`},
		{[]string{"-no"}, "flag provided but not defined"},
	} {
		var out, errs bytes.Buffer
		err := run(context.Background(), test.args, func(string) string { return "" }, strings.NewReader("\n"), &out, &errs)
		if err == nil || !strings.Contains(fmt.Sprint(err), test.want) {
			t.Errorf("%q: %v, want %s", test.args, err, test.want)
		}
	}
}
