package contest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/transcription-api/bench/internal/load"
	"example.com/transcription-api/bench/internal/proc"
	"example.com/transcription-api/bench/internal/proxy"
)

// contest is a run in progress.
type contest struct {
	plan     Plan
	programs Programs
	server   *server
	results  *Results
	progress io.Writer
}

// Run carries the plan out on a PostgreSQL server of this machine. It makes
// databases of its own there and removes them.
func Run(ctx context.Context, plan Plan, programs Programs, url string, progress io.Writer) (results *Results, err error) {
	s, err := openServer(ctx, url)
	if err != nil {
		return nil, err
	}
	defer s.close()
	defer func() { err = errors.Join(err, s.clean(ctx)) }()
	if err := s.prepare(ctx, programs, plan.Rows); err != nil {
		return nil, err
	}
	c := &contest{plan: plan, programs: programs, server: s, results: newResults(plan), progress: progress}
	if c.results.PostgreSQL, err = s.version(ctx); err != nil {
		return nil, err
	}
	for round := range plan.Rounds {
		fmt.Fprintf(progress, "round %d of %d:", round+1, plan.Rounds)
		if err := c.each(func(id string) error { return c.turn(ctx, id) }); err != nil {
			return nil, err
		}
	}
	fmt.Fprint(progress, "a distant database:")
	if err := c.each(func(id string) error { return c.far(ctx, id) }); err != nil {
		return nil, err
	}
	fmt.Fprint(progress, "more and more clients:")
	if err := c.each(func(id string) error { return c.sweep(ctx, id) }); err != nil {
		return nil, err
	}
	return c.results, nil
}

// each gives every contender its turn.
func (c *contest) each(turn func(id string) error) error {
	for _, contender := range Contenders {
		fmt.Fprint(c.progress, " ", contender.ID)
		if err := turn(contender.ID); err != nil {
			fmt.Fprintln(c.progress)
			return fmt.Errorf("%s: %w", contender.ID, err)
		}
	}
	fmt.Fprintln(c.progress)
	return nil
}

// turn is one contender's part of a round: every kind of work.
func (c *contest) turn(ctx context.Context, id string) error {
	before, err := c.server.connections(ctx, id)
	if err != nil {
		return err
	}
	var memory int64
	err = c.with(ctx, id, func(r *running) error {
		for _, work := range load.Works {
			for _, clients := range c.plan.Clients {
				if err := c.measure(ctx, id, r, work, clients); err != nil {
					return err
				}
			}
		}
		memory, err = proc.Default.PeakMemory(r.cmd.Process.Pid)
		return err
	})
	if err != nil {
		return err
	}
	after, err := c.server.connections(ctx, id)
	c.results.addRound(id, memory, after-before)
	return err
}

// with runs fn beside a contender on its own database.
func (c *contest) with(ctx context.Context, id string, fn func(*running) error) error {
	url, err := c.server.database("bench_" + id)
	if err != nil {
		return err
	}
	return c.at(ctx, id, url, fn)
}

func (c *contest) at(ctx context.Context, id, url string, fn func(*running) error) (err error) {
	r, err := c.programs.start(ctx, id, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	return fn(r)
}

// measure fills one cell of the table.
func (c *contest) measure(ctx context.Context, id string, r *running, work load.Work, clients int) error {
	var service, postgres time.Duration
	result, err := c.programs.load(ctx, load.Options{
		Address: r.address, Work: work, Clients: clients, Window: c.plan.Window, WarmUp: c.plan.WarmUp, Rows: c.plan.Rows,
	}, func() (func() error, error) {
		start, err := c.used(r)
		return func() error {
			end, err := c.used(r)
			service, postgres = end[0]-start[0], end[1]-start[1]
			return err
		}, err
	})
	if err != nil {
		return err
	}
	c.results.addCell(id, work, clients, result, service, postgres)
	return nil
}

// used is the processor time so far of the contender and of PostgreSQL.
func (c *contest) used(r *running) (used [2]time.Duration, err error) {
	if used[0], err = proc.Default.CPU(r.cmd.Process.Pid); err != nil {
		return used, err
	}
	used[1], err = proc.Default.FamilyCPU(c.server.postmaster)
	return used, err
}

// far asks one request after the other of a contender whose database is distant.
func (c *contest) far(ctx context.Context, id string) error {
	url, p, err := c.distant(id)
	if err != nil {
		return err
	}
	defer p.Close()
	return c.at(ctx, id, url, func(r *running) error {
		for _, work := range farWorks {
			var start, end proxy.Counts
			result, err := c.programs.load(ctx, load.Options{Address: r.address, Work: work, Clients: 1, Requests: c.plan.Far, Rows: c.plan.Rows},
				func() (func() error, error) {
					start = p.Counts()
					return func() error { end = p.Counts(); return nil }, nil
				})
			if err != nil {
				return err
			}
			c.results.addFar(id, work, result, end.Sub(start))
		}
		return nil
	})
}

// distant is a contender's database by way of a proxy that makes it far away.
func (c *contest) distant(id string) (url string, p *proxy.Proxy, err error) {
	direct, err := c.server.database("bench_" + id)
	if err != nil {
		return "", nil, err
	}
	cfg, err := pgx.ParseConfig(direct)
	if err != nil {
		return "", nil, err
	}
	network, address := pgconn.NetworkAddress(cfg.Host, cfg.Port)
	if p, err = proxy.Start(network, address, farAway/2); err != nil {
		return "", nil, err
	}
	if url, err = through(direct, p.Address()); err != nil {
		p.Close()
	}
	return url, p, err
}

// sweep is one line of the picture.
func (c *contest) sweep(ctx context.Context, id string) error {
	return c.with(ctx, id, func(r *running) error {
		for _, clients := range c.plan.Sweep {
			result, err := c.programs.load(ctx, load.Options{
				Address: r.address, Work: load.Get, Clients: clients, Window: c.plan.SweepFor, WarmUp: c.plan.WarmUp, Rows: c.plan.Rows,
			}, func() (func() error, error) { return func() error { return nil }, nil })
			if err != nil {
				return err
			}
			c.results.Sweep[id] = append(c.results.Sweep[id], result.PerSecond())
		}
		return nil
	})
}
