package contest

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/bench/internal/load"
	"example.com/transcription-api/bench/internal/proxy"
)

func itself(v float64) float64 { return v }

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{7}, 7}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(test.values, itself); got != test.want {
			t.Errorf("median of %v: %v, want %v", test.values, got, test.want)
		}
	}
}

// TestRatio compares round by round: a slow round, slow for both, is no outlier.
func TestRatio(t *testing.T) {
	t.Parallel()
	ours := []Cell{{PerSecond: 100}, {PerSecond: 30}, {PerSecond: 80}}
	theirs := []Cell{{PerSecond: 200}, {PerSecond: 50}, {PerSecond: 100}}
	if got := ratio(ours, theirs, func(c Cell) float64 { return c.PerSecond }); got != .6 {
		t.Errorf("ratio %v, want 0.6", got)
	}
}

// sample are results with a figure in each place.
func sample() *Results {
	plan := Quick()
	r := newResults(plan)
	r.PostgreSQL = "17.1"
	for i, c := range Contenders {
		n := i + 1
		for _, work := range load.Works {
			for _, clients := range plan.Clients {
				r.addCell(c.ID, work, clients, load.Result{Requests: 1000 * n, Elapsed: time.Second, P50: time.Millisecond, P99: 5 * time.Millisecond},
					100*time.Millisecond, 50*time.Millisecond)
			}
		}
		r.addRound(c.ID, int64(n)<<20, int64(10*n))
		for _, work := range farWorks {
			r.addFar(c.ID, work, load.Result{Requests: 10, P50: 25 * time.Millisecond}, proxy.Counts{Statements: 30, RoundTrips: 20, Parses: 1})
		}
		for range plan.Sweep {
			r.Sweep[c.ID] = append(r.Sweep[c.ID], float64(1234*n))
		}
	}
	return r
}

func TestReport(t *testing.T) {
	t.Parallel()
	report := sample().Report(About{When: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Commit: "abc"}, "performance.svg")
	for _, want := range []string{
		"The **quick** run of 2026-01-02 03:04 UTC, commit abc", "PostgreSQL 17.1", "(performance.svg)",
		"| 16 | this service | 1000 | 0.50 | 1.00 | 5.00 | 100 | 2.00 | 50 |",
		"| 200 | floor | 2000 | 1.00 | 1.00 | 5.00 | 50 | 1.00 | 25 |",
		"| GET /items/{id} | this service | 25.0 | 2.50 | 3.00 | 2.00 | 0.10 |",
		"| obvious template | 4 | 40 |",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(report)
	}
}

// TestMerge keeps what stands around the marks, the other part too.
func TestMerge(t *testing.T) {
	t.Parallel()
	begin, end := marks(Growing)
	first := Merge("", Comparison, "one\n")
	if !strings.HasPrefix(first, preface) {
		t.Errorf("a new document is %q", first)
	}
	both := Merge(first, Growing, "old\n") + "after\n"
	if got, want := Merge(both, Growing, "new\n"), strings.Replace(both, "old", "new", 1); got != want || !strings.HasSuffix(got, begin+"new\n"+end+"after\n") {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Merge(Merge(both, Comparison, "two\n"), Comparison, "one\n"); got != both {
		t.Errorf("back again: %q, want %q", got, both)
	}
}

// TestChart is well-formed, shows each contender and each figure, and nothing
// outside of its frame.
func TestChart(t *testing.T) {
	t.Parallel()
	r := sample()
	chart := r.Chart()
	decoder := xml.NewDecoder(strings.NewReader(chart))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, chart)
		}
	}
	for _, c := range Contenders {
		if !strings.Contains(chart, ">"+c.Title+"</text>") {
			t.Errorf("%s is not named", c.Title)
		}
	}
	if got, want := strings.Count(chart, "<circle"), len(Contenders)*len(r.Plan.Sweep); got != want {
		t.Errorf("%d points, want %d", got, want)
	}
	for _, line := range r.Sweep {
		for i, value := range line {
			if x, y := r.x(i), r.y(value); x < left || x > width-right || y < top || y > height-bottom {
				t.Errorf("%v of %v clients is at %v, %v", value, r.Plan.Sweep[i], x, y)
			}
		}
	}
}
