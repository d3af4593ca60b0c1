package contest

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"example.com/transcription-api/bench/internal/contender"
	"example.com/transcription-api/bench/internal/load"
)

// About says when and of what the report is.
type About struct {
	When   time.Time
	Commit string
}

// The parts of the document that the bench writes. What stands between a part's
// marks is the bench's, the rest is the reader's own.
const (
	Comparison = "bench"
	Growing    = "growth"
	Prediction = "model"
)

func marks(part string) (begin, end string) {
	return "<!-- " + part + ":begin -->\n", "<!-- " + part + ":end -->\n"
}

const preface = `# Performance

` + "`make bench`" + ` measures this service beside others on one machine and writes what stands between the marks;
` + "`make bench ARGS=-quick`" + ` does so in less than two minutes, ` + "`make bench ARGS=-growth`" + ` takes a quarter of an hour for
the last part. The ratios are what to look at: the rest depends on the machine.

`

// Merge puts a part into a document, in place of an earlier one or at the end.
func Merge(document, part, report string) string {
	begin, end := marks(part)
	if document == "" {
		document = preface
	}
	before, rest, found := strings.Cut(document, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		before, after = strings.TrimRight(document, "\n")+"\n\n", ""
	}
	return before + begin + report + end + after
}

// Report is the results as Markdown.
func (r *Results) Report(about About, picture string) string {
	var b strings.Builder
	r.writeSetting(&b, about)
	fmt.Fprintf(&b, "\n![Requests a second over clients](%s)\n\n*GET /items/{id}: requests a second over clients, one window each.*\n", picture)
	r.writeMany(&b)
	for _, work := range load.Works {
		r.writeWork(&b, work)
	}
	r.writeFar(&b)
	r.writeRounds(&b)
	return b.String()
}

func (r *Results) writeSetting(b *strings.Builder, about About) {
	p := r.Plan
	fmt.Fprintf(b, "## What ran\n\nThe **%s** run of %s, commit %s, on %s, %d processors, %s, PostgreSQL %s without fsync, all on this machine.\n",
		p.Name, about.When.UTC().Format("2006-01-02 15:04 MST"), about.Commit, processor(), runtime.NumCPU(), runtime.Version(), r.PostgreSQL)
	fmt.Fprintf(b, "%d rounds, in each of which every contender has its turn; %v for each figure, after %v of warm-up; %d items at the start. Medians of the rounds;\n",
		p.Rounds, p.Window, p.WarmUp, p.Rows)
	b.WriteString("ratios are medians of the ratios round by round. The load comes from another process, which shares the processors.\n\n")
	for _, c := range Contenders {
		fmt.Fprintf(b, "- **%s**: %s\n", c.Title, c.Is)
	}
}

// processor is the name of this machine's, if Linux says it.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// what each work is, as a request.
var requests = map[load.Work]string{
	load.Get: "GET /items/{id}", load.List: "GET /items (20 of them)", load.Create: "POST /items", load.Patch: "PATCH /items/{id}",
}

func (r *Results) writeWork(b *strings.Builder, work load.Work) {
	fmt.Fprintf(b, "\n## %s\n\n", requests[work])
	b.WriteString("| clients | contender | requests/s | of the floor | p50 ms | p99 ms | its CPU µs | of the floor | PostgreSQL's CPU µs |\n")
	b.WriteString("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	perSecond := func(c Cell) float64 { return c.PerSecond }
	cpu := func(c Cell) float64 { return c.CPU }
	for _, clients := range r.Plan.Clients {
		floor := r.Cells[CellKey{contender.Floor, work, clients}]
		for _, c := range Contenders {
			cells := r.Cells[CellKey{c.ID, work, clients}]
			fmt.Fprintf(b, "| %d | %s | %.0f | %.2f | %.2f | %.2f | %.0f | %.2f | %.0f |\n", clients, c.Title,
				median(cells, perSecond), ratio(cells, floor, perSecond),
				median(cells, func(c Cell) float64 { return c.P50 }), median(cells, func(c Cell) float64 { return c.P99 }),
				median(cells, cpu), ratio(cells, floor, cpu), median(cells, func(c Cell) float64 { return c.Postgres }))
		}
	}
}

// writeMany tells what is left of the best throughput with the most clients.
func (r *Results) writeMany(b *strings.Builder) {
	b.WriteString("\nWith the most clients there is left of the best:")
	for i, c := range Contenders {
		line := r.Sweep[c.ID]
		fmt.Fprintf(b, "%s %s %.0f %%", map[bool]string{true: ","}[i > 0], c.Title, 100*line[len(line)-1]/slices.Max(line))
	}
	b.WriteString(".\n")
}

func (r *Results) writeFar(b *strings.Builder) {
	fmt.Fprintf(b, "\n## The database %v away\n\nOne request after the other, %d of each; each byte takes %v each way. Counted at the proxy, for each request.\n\n",
		farAway, r.Plan.Far, farAway/2)
	b.WriteString("| request | contender | p50 ms | in round trips | statements, BEGIN and COMMIT included | exchanges | texts parsed |\n")
	b.WriteString("| --- | --- | ---: | ---: | ---: | ---: | ---: |\n")
	for _, work := range farWorks {
		for _, c := range Contenders {
			f := r.Far[c.ID][work]
			fmt.Fprintf(b, "| %s | %s | %.1f | %.2f | %.2f | %.2f | %.2f |\n", requests[work], c.Title, f.P50, f.Waits, f.Statements, f.RoundTrips, f.Parses)
		}
	}
	b.WriteString("\nAn exchange is one question to PostgreSQL and its answer. Not every one delays the client: this service answers a read before its COMMIT has returned.\n")
}

func (r *Results) writeRounds(b *strings.Builder) {
	b.WriteString("\n## Memory and connections\n\nOf one process, over one round: all the work above.\n\n")
	b.WriteString("| contender | memory at most, MB | connections opened |\n| --- | ---: | ---: |\n")
	for _, c := range Contenders {
		rounds := r.Rounds[c.ID]
		fmt.Fprintf(b, "| %s | %.0f | %.0f |\n", c.Title,
			median(rounds, func(r Round) float64 { return r.Memory / (1 << 20) }), median(rounds, func(r Round) float64 { return r.Connections }))
	}
}
