package contest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"example.com/transcription-api/bench/internal/load"
)

// GrowthPlan says on how many rows the service runs alone, and for how long.
type GrowthPlan struct {
	Rows     int
	PageSize int
	Soak     time.Duration // of all kinds of work at once
	Clients  int           // for each kind of work
}

// Growth are the figures of such a run.
type Growth struct {
	Plan     GrowthPlan
	Pages    []time.Duration // each page's time, from the first to the last
	Requests int             // answered in the soak
	P99      map[load.Work]time.Duration
	Samples  []Sample
}

// Grow lets the service read a table from its first page to its last, and then
// serve all kinds of work at once. An answer of another status than the work's
// ends it with an error.
func Grow(ctx context.Context, plan GrowthPlan, programs Programs, url string, progress io.Writer) (g *Growth, err error) {
	s, err := openServer(ctx, url)
	if err != nil {
		return nil, err
	}
	defer s.close()
	defer func() { err = errors.Join(err, s.clean(ctx)) }()
	fmt.Fprintf(progress, "%d items\n", plan.Rows)
	if err := s.prepare(ctx, programs, plan.Rows); err != nil {
		return nil, err
	}
	if programs.Admin, err = freeAddress(); err != nil {
		return nil, err
	}
	c := &contest{programs: programs, server: s, progress: progress}
	g = &Growth{Plan: plan, P99: make(map[load.Work]time.Duration)}
	err = c.with(ctx, serviceID, func(r *running) error {
		fmt.Fprintln(progress, "from the first page to the last")
		if g.Pages, err = walk(ctx, r.address, plan.PageSize); err != nil {
			return err
		}
		fmt.Fprintf(progress, "%v of all kinds of work at once\n", plan.Soak)
		return c.soak(ctx, r, g)
	})
	return g, err
}

// walk follows next_cursor to the last page.
func walk(ctx context.Context, address string, size int) (times []time.Duration, err error) {
	query := url.Values{"limit": {fmt.Sprint(size)}}
	for {
		start := time.Now()
		text, err := read(ctx, "http://"+address+"/items?"+query.Encode())
		if err != nil {
			return nil, err
		}
		times = append(times, time.Since(start))
		var page struct {
			Next *string `json:"next_cursor"`
		}
		if err := json.Unmarshal(text, &page); err != nil {
			return nil, err
		}
		if page.Next == nil {
			return times, nil
		}
		query.Set("cursor", *page.Next)
	}
}

func read(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, response.Status, text)
	}
	return text, err
}

// soak sends all kinds of work at once, and takes samples at the start, in the
// middle and at the end.
func (c *contest) soak(ctx context.Context, r *running, g *Growth) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	var mu sync.Mutex
	for _, work := range load.Works {
		running.Go(func() {
			result, err := c.programs.load(ctx, load.Options{
				Address: r.address, Work: work, Clients: g.Plan.Clients, Window: g.Plan.Soak, WarmUp: time.Second / 10, Rows: g.Plan.Rows,
			}, func() (func() error, error) { return func() error { return nil }, nil })
			if err != nil {
				cancel(fmt.Errorf("%s: %w", work, err))
				return
			}
			mu.Lock()
			defer mu.Unlock()
			g.Requests += result.Requests
			g.P99[work] = result.P99
		})
	}
	err := c.sampleThrice(ctx, r, g)
	if err != nil {
		cancel(err)
	}
	running.Wait()
	return context.Cause(ctx)
}

// sampleThrice takes each sample while the work goes on.
func (c *contest) sampleThrice(ctx context.Context, r *running, g *Growth) error {
	start := time.Now()
	for _, part := range []float64{.02, .5, .98} {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Until(start.Add(time.Duration(part * float64(g.Plan.Soak))))):
		}
		sample, err := c.sample(ctx, r)
		if err != nil {
			return err
		}
		sample.At = time.Since(start)
		g.Samples = append(g.Samples, sample)
	}
	return nil
}
