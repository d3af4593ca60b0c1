// Package contest lets contenders answer the same load in turns, measures what
// that costs and writes the report. The service is a program like the others to
// it: it is started, asked at /items, and stopped.
package contest

import (
	"time"

	"example.com/transcription-api/bench/internal/contender"
	"example.com/transcription-api/bench/internal/load"
)

// Plan says how long everything is measured.
type Plan struct {
	Name     string // for the report
	Rounds   int    // in each of which every contender has its turn
	Rows     int    // items there are at the start
	Clients  []int  // for each kind of work
	Window   time.Duration
	WarmUp   time.Duration
	Sweep    []int         // clients, for the picture
	SweepFor time.Duration // at each of these
	Far      int           // requests, one after the other, to a distant database
}

// Full takes less than six minutes, of which the building is not a part.
func Full() Plan {
	return Plan{
		Name: "full", Rounds: 3, Rows: 10_000, Clients: []int{16, 200}, Window: 1500 * time.Millisecond, WarmUp: 300 * time.Millisecond,
		Sweep: []int{1, 4, 16, 64, 256, 1000}, SweepFor: 1200 * time.Millisecond, Far: 50,
	}
}

// Quick takes less than two minutes, for a first look.
func Quick() Plan {
	return Plan{
		Name: "quick", Rounds: 3, Rows: 10_000, Clients: []int{16, 200}, Window: 400 * time.Millisecond, WarmUp: 100 * time.Millisecond,
		Sweep: []int{1, 4, 16, 64, 256, 1000}, SweepFor: 400 * time.Millisecond, Far: 20,
	}
}

// farAway is how much longer a round trip takes to the distant database.
const farAway = 10 * time.Millisecond

// farWorks are what is asked of it.
var farWorks = []load.Work{load.Get, load.Create}

// Contender is one of those that are compared.
type Contender struct {
	ID    string
	Title string
	Is    string // for the report
}

// serviceID is the contender that is this project.
const serviceID = "service"

// Contenders are all of them, in the order of their turns.
var Contenders = []Contender{
	{serviceID, "this service", "built by `make build`, `ENVIRONMENT=production`, its pool's defaults (5 connections and 10 for bursts), its access log"},
	{contender.Floor, "floor", "written by hand: net/http, pgxpool (5 to 15 connections), SQL, BEGIN and COMMIT around each request's statement; no checks, no ETag, no log, no metrics, no time-outs"},
	{contender.Bare, "floor without transaction", "the same without BEGIN and COMMIT"},
	{contender.Template, "obvious template", "Gin with its logger, GORM with its own pool (5 idle, 15 open), a transaction begun for every request"},
}
