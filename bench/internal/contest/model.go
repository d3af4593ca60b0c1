package contest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"example.com/transcription-api/bench/internal/load"
)

// scenario is a load of the service alone: few clients tell what a request takes,
// from which the model of docs/scaling.md predicts what many get.
type scenario struct {
	Work           load.Work
	Few, Many      int // clients
	Pool, Overflow int
	Far            bool
}

// scenarios differ in what is used up first: the processors, which service,
// server and load share on this machine, or the connections.
var scenarios = []scenario{
	{Work: load.Get, Few: 16, Many: 64, Pool: 5, Overflow: 10},
	{Work: load.Create, Few: 16, Many: 64, Pool: 5, Overflow: 10},
	{Work: load.Get, Few: 1, Many: 64, Pool: 2, Far: true},
}

// Point is what came of a scenario. Service, Server, Load and Held are seconds for
// each request: of a processor, and of a connection.
type Point struct {
	scenario
	Service, Server, Load, Held float64
	Measured                    float64 // requests a second
}

// byProcessors and byPool are the terms of the model, in requests a second.
func (p Point) byProcessors() float64 {
	return float64(runtime.NumCPU()) / (p.Service + p.Server + p.Load)
}
func (p Point) byPool() float64 { return float64(p.Pool+p.Overflow) / p.Held }

// Predict measures all scenarios, each for the window with few clients and again
// with many.
func Predict(ctx context.Context, window time.Duration, programs Programs, url string, progress io.Writer) (list []Point, err error) {
	s, err := openServer(ctx, url)
	if err != nil {
		return nil, err
	}
	defer s.close()
	defer func() { err = errors.Join(err, s.clean(ctx)) }()
	if err := s.prepare(ctx, programs, Full().Rows); err != nil {
		return nil, err
	}
	for _, one := range scenarios {
		p := Point{scenario: one}
		fmt.Fprintln(progress, p.title())
		programs.Env = []string{fmt.Sprintf("DB_POOL_SIZE=%d", p.Pool), fmt.Sprintf("DB_MAX_OVERFLOW=%d", p.Overflow)}
		if programs.Admin, err = freeAddress(); err != nil {
			return nil, err
		}
		c := &contest{programs: programs, server: s, plan: Full()}
		c.plan.Window = window
		if err := c.predict(ctx, &p); err != nil {
			return nil, fmt.Errorf("%s: %w", p.title(), err)
		}
		list = append(list, p)
	}
	return list, nil
}

func (c *contest) predict(ctx context.Context, p *Point) error {
	measure := func(r *running) error {
		if err := c.costs(ctx, r, p); err != nil {
			return err
		}
		many, err := c.programs.load(ctx, c.options(r, p.Work, p.Many), func() (func() error, error) { return func() error { return nil }, nil })
		p.Measured = many.PerSecond()
		return err
	}
	if !p.Far {
		return c.with(ctx, serviceID, measure)
	}
	url, distant, err := c.distant(serviceID)
	if err != nil {
		return err
	}
	defer distant.Close()
	return c.at(ctx, serviceID, url, measure)
}

func (c *contest) options(r *running, work load.Work, clients int) load.Options {
	return load.Options{Address: r.address, Work: work, Clients: clients, Window: c.plan.Window, WarmUp: c.plan.WarmUp, Rows: c.plan.Rows}
}

// costs measures what a request takes while there are few clients.
func (c *contest) costs(ctx context.Context, r *running, p *Point) error {
	var start, end [2]time.Duration
	var held *holding
	few, err := c.programs.load(ctx, c.options(r, p.Work, p.Few), func() (func() error, error) {
		held = c.watchHolding(ctx)
		var err error
		start, err = c.used(r)
		return func() (err error) { end, err = c.used(r); return err }, err
	})
	if held != nil {
		err = errors.Join(err, held.stop())
	}
	if err != nil {
		return err
	}
	n := float64(few.Requests)
	p.Service, p.Server, p.Load = (end[0]-start[0]).Seconds()/n, (end[1]-start[1]).Seconds()/n, few.CPU.Seconds()/n
	p.Held = held.average() / few.PerSecond()
	return nil
}

// holding is how many connections sessions hold, looked at again and again.
type holding struct {
	cancel context.CancelFunc
	done   chan struct{}
	sum    float64
	times  int
	err    error
}

func (c *contest) watchHolding(ctx context.Context) *holding {
	ctx, cancel := context.WithCancel(ctx)
	h := &holding{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(h.done)
		for ctx.Err() == nil {
			text, err := read(ctx, "http://"+c.programs.Admin+"/metrics")
			if ctx.Err() != nil {
				return
			}
			out, parseErr := metric(string(text), "db_pool_checked_out")
			if h.err = errors.Join(err, parseErr); h.err != nil {
				return
			}
			h.sum += out
			h.times++
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return h
}

func (h *holding) stop() error {
	h.cancel()
	<-h.done
	return h.err
}

// average is by Little's law the throughput times the seconds that each is held.
func (h *holding) average() float64 { return h.sum / float64(max(h.times, 1)) }
