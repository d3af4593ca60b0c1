package contest

import (
	"fmt"
	"strings"
	"time"

	"example.com/transcription-api/bench/internal/load"
)

// pageSample is of how many pages a median is taken.
const pageSample = 100

// Report is the figures as Markdown.
func (g *Growth) Report(about About) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Many rows, and many minutes\n\n`make bench ARGS=-growth` of %s, commit %s: the service alone, its settings as above.\n\n",
		about.When.UTC().Format("2006-01-02 15:04 MST"), about.Commit)
	first, last := g.ends()
	fmt.Fprintf(&b, "%d items, read from the first page to the last, %d items each: the median of the first %d pages is %.2f ms, of the last %d %.2f ms (page %d).\n\n",
		g.Plan.Rows, g.Plan.PageSize, pageSample, first, pageSample, last, len(g.Pages))
	fmt.Fprintf(&b, "Then %v of %s at once, %d clients each, %d requests, all answered as they should be:\n\n", g.Plan.Soak, names(), g.Plan.Clients, g.Requests)
	b.WriteString("| after | memory, MB | goroutines | file descriptors | connections to PostgreSQL |\n| ---: | ---: | ---: | ---: | ---: |\n")
	for _, s := range g.Samples {
		fmt.Fprintf(&b, "| %v | %.0f | %.0f | %.0f | %.0f |\n", s.At.Round(time.Second), s.Memory/(1<<20), s.Goroutines, s.Files, s.Connections)
	}
	b.WriteString("\np99:")
	for i, work := range load.Works {
		fmt.Fprintf(&b, "%s %s %.1f ms", map[bool]string{true: ","}[i > 0], requests[work], milliseconds(g.P99[work]))
	}
	b.WriteString(".\n")
	return b.String()
}

// ends are the medians at both ends of the walk, in milliseconds.
func (g *Growth) ends() (first, last float64) {
	n := min(pageSample, len(g.Pages))
	return median(g.Pages[:n], milliseconds), median(g.Pages[len(g.Pages)-n:], milliseconds)
}

func names() string {
	var list []string
	for _, work := range load.Works {
		list = append(list, requests[work])
	}
	return strings.Join(list, ", ")
}
