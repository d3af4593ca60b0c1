package contest

import (
	"slices"
	"time"

	"example.com/transcription-api/bench/internal/load"
	"example.com/transcription-api/bench/internal/proxy"
)

// Results are what was measured.
type Results struct {
	Plan       Plan
	PostgreSQL string                       // its version
	Cells      map[CellKey][]Cell           // one Cell for each round
	Rounds     map[string][]Round           // by contender
	Far        map[string]map[load.Work]Far // by contender
	Sweep      map[string][]float64         // requests a second, by contender, for each of Plan.Sweep
}

// CellKey names a line of the tables.
type CellKey struct {
	ID      string
	Work    load.Work
	Clients int
}

// Cell is one measurement.
type Cell struct {
	PerSecond     float64
	P50, P99      float64 // milliseconds
	CPU, Postgres float64 // microseconds for each request
}

// Round is what a contender's process used in a round.
type Round struct {
	Memory      float64 // bytes, at the most
	Connections float64 // opened
}

// Far are the figures with a distant database; the counts are for each request.
type Far struct {
	P50                            float64 // milliseconds
	Waits                          float64 // P50 in round trips
	Statements, RoundTrips, Parses float64
}

func newResults(plan Plan) *Results {
	return &Results{
		Plan: plan, Cells: make(map[CellKey][]Cell), Rounds: make(map[string][]Round),
		Far: make(map[string]map[load.Work]Far), Sweep: make(map[string][]float64),
	}
}

func (r *Results) addCell(id string, work load.Work, clients int, result load.Result, service, postgres time.Duration) {
	key, n := CellKey{id, work, clients}, float64(result.Requests)
	r.Cells[key] = append(r.Cells[key], Cell{
		PerSecond: result.PerSecond(), P50: milliseconds(result.P50), P99: milliseconds(result.P99),
		CPU: float64(service.Microseconds()) / n, Postgres: float64(postgres.Microseconds()) / n,
	})
}

func (r *Results) addRound(id string, memory, connections int64) {
	r.Rounds[id] = append(r.Rounds[id], Round{float64(memory), float64(connections)})
}

func (r *Results) addFar(id string, work load.Work, result load.Result, counts proxy.Counts) {
	if r.Far[id] == nil {
		r.Far[id] = make(map[load.Work]Far)
	}
	n := float64(result.Requests)
	r.Far[id][work] = Far{
		P50: milliseconds(result.P50), Waits: result.P50.Seconds() / farAway.Seconds(),
		Statements: float64(counts.Statements) / n, RoundTrips: float64(counts.RoundTrips) / n, Parses: float64(counts.Parses) / n,
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// median returns the middle of what of takes from each element.
func median[T any](list []T, of func(T) float64) float64 {
	values := make([]float64, len(list))
	for i, element := range list {
		values[i] = of(element)
	}
	slices.Sort(values)
	switch n := len(values); {
	case n == 0:
		return 0
	case n%2 == 1:
		return values[n/2]
	default:
		return (values[n/2-1] + values[n/2]) / 2
	}
}

// ratio is the median of the ratios round by round: what slows the machine
// down for a while slows both.
func ratio(list, to []Cell, of func(Cell) float64) float64 {
	ratios := make([]float64, min(len(list), len(to)))
	for i := range ratios {
		ratios[i] = of(list[i]) / of(to[i])
	}
	return median(ratios, func(r float64) float64 { return r })
}
