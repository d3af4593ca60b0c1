package contest

import (
	"fmt"
	"strings"
)

func (p Point) title() string {
	where := ""
	if p.Far {
		where = fmt.Sprintf(", the database %v away", farAway)
	}
	return fmt.Sprintf("%s%s, %d connections", requests[p.Work], where, p.Pool+p.Overflow)
}

// ModelReport is the table of predictions as Markdown.
func ModelReport(points []Point, about About) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Held against `make bench ARGS=-model` of %s, commit %s, one instance, service, server and load on one machine: the costs were measured\n", about.When.UTC().Format("2006-01-02"), about.Commit)
	b.WriteString("with few clients, the throughput with many.\n\n")
	b.WriteString("| | clients: few, many | s, µs | d, µs | the load's, µs | h, ms | P ÷ (s + d + the load's) | pool ÷ h | predicted | measured |\n")
	b.WriteString("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, p := range points {
		fmt.Fprintf(&b, "| %s | %d, %d | %.0f | %.0f | %.0f | %.2f | %.0f | %.0f | %.0f | %.0f |\n", p.title(), p.Few, p.Many,
			1e6*p.Service, 1e6*p.Server, 1e6*p.Load, 1e3*p.Held, p.byProcessors(), p.byPool(), min(p.byProcessors(), p.byPool()), p.Measured)
	}
	return b.String()
}
