package db_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// poolProbed is a pool behind a proxy that can hold answers back, and its log.
func poolProbed(t *testing.T, size, overflow int) (*poolUnderTest, *dbtest.Proxy, *dbtest.Log) {
	t.Helper()
	direct, log := dbtest.Things(t), new(dbtest.Log)
	proxy := dbtest.NewProxy(t, direct)
	opts := poolOptions(proxy.URL(), size, overflow)
	opts.Logger = slog.New(slog.NewJSONHandler(log, nil))
	return poolOpen(t, opts, direct), proxy, log
}

// poolFlood sends n probes at once, while the answer is held back, and then some more after it.
func poolFlood(t *testing.T, p *poolUnderTest, proxy *dbtest.Proxy, n int) {
	t.Helper()
	var came atomic.Int64
	proxy.Stall()
	answers := make(chan []error, 1)
	go func() {
		answers <- poolTogether(n, func(int) error {
			came.Add(1)
			return p.Ping(t.Context(), poolPatience)
		})
	}()
	dbtest.Eventually(t, "all probes have come", func() bool { return came.Load() == int64(n) })
	time.Sleep(200 * time.Millisecond) // for those who would open a connection of their own: the more time, the stricter
	proxy.Pass()
	if errs := <-answers; len(errs) > 0 {
		t.Errorf("%d probes failed: %v", len(errs), errs[0])
	}
}

// TestPool_ProbesShareAQuestion: a flood of them opens no connection where one lies idle, and one where none does.
func TestPool_ProbesShareAQuestion(t *testing.T) {
	t.Parallel()
	for taken, opened := range map[int]int64{0: 1, 1: 2} {
		p, proxy, _ := poolProbed(t, 1, 10)
		held := p.takeMany(taken)
		poolFlood(t, p, proxy, 60)
		if got := p.Counters().Opened; got != opened || proxy.Accepted() != opened {
			t.Errorf("%d taken: %d opened, the proxy saw %d, want %d", taken, got, proxy.Accepted(), opened)
		}
		if s := p.Status(); s.CheckedOut != taken || s.CheckedIn != int(opened)-taken {
			t.Errorf("%d taken: %+v", taken, s)
		}
		poolReturn(held)
		p.noSlotLost()
	}
}

// TestPool_ProbesOfAnExhaustedPool: beside an exhausted pool they take one socket at a time, and no backend.
func TestPool_ProbesOfAnExhaustedPool(t *testing.T) {
	t.Parallel()
	p, proxy, _ := poolProbed(t, 1, 1)
	held := p.takeMany(2)
	before := proxy.Accepted()
	proxy.Stall()
	probed := make(chan []error, 1)
	go func() {
		probed <- poolTogether(60, func(int) error { return p.Ping(t.Context(), poolPatience) })
	}()
	dbtest.Eventually(t, "one has connected", func() bool { return proxy.Accepted() > before })
	time.Sleep(200 * time.Millisecond) // for the others
	if got := proxy.Accepted() - before; got != 1 {
		t.Errorf("%d sockets at once, want 1", got)
	}
	proxy.Pass()
	if errs := <-probed; len(errs) > 0 {
		t.Errorf("%d probes failed: %v", len(errs), errs[0])
	}
	if c := p.Counters(); c.Opened != 2 {
		t.Errorf("%d opened, want 2", c.Opened)
	}
	poolReturn(held)
	p.noSlotLost()
}

// TestPool_ProbesOfSeveralHosts: beside an exhausted pool, a host that hangs leaves the probe time for the next one.
func TestPool_ProbesOfSeveralHosts(t *testing.T) {
	t.Parallel()
	direct := dbtest.Things(t)
	first, second := dbtest.NewProxy(t, direct), dbtest.NewProxy(t, direct)
	u, err := url.Parse(second.URL())
	if err != nil {
		t.Fatal(err)
	}
	hosts := strings.Replace(first.URL(), "?", "?target_session_attrs=read-write&", 1)
	hosts = poolWith(t, hosts, func(both *url.URL) { both.Host += "," + u.Host })
	p := poolOpen(t, poolOptions(hosts, 1, 0), direct)
	held := p.takeMany(1)
	first.Stall()
	if err := p.Ping(t.Context(), poolPatience); err != nil || second.Accepted() == 0 {
		t.Errorf("%v; the second host was asked %d times", err, second.Accepted())
	}
	first.Pass()
	poolReturn(held)
}

// TestPool_ProberLeaves: the one who asked first, too. Nothing changes for those who wait, nor in the log.
func TestPool_ProberLeaves(t *testing.T) {
	t.Parallel()
	p, proxy, log := poolProbed(t, 1, 10)
	before := proxy.Accepted()
	p.take() // so that the question is seen to be asked: it opens a connection
	proxy.Stall()
	ctx, leave := context.WithCancel(t.Context())
	first, others := make(chan error, 1), make(chan []error, 1)
	go func() { first <- p.Ping(ctx, poolPatience) }()
	dbtest.Eventually(t, "the first one asks", func() bool { return proxy.Accepted() > before })
	go func() {
		others <- poolTogether(10, func(int) error { return p.Ping(t.Context(), poolPatience) })
	}()
	leave()
	if err := <-first; !errors.Is(err, db.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	proxy.Pass()
	if errs := <-others; len(errs) > 0 {
		t.Errorf("who stayed: %v", errs)
	}
	if lines := log.Lines(t, "database does not answer"); len(lines) > 0 || proxy.Accepted() != before+1 {
		t.Errorf("%d connections for the question; logged: %v", proxy.Accepted()-before, lines)
	}
}

// TestPool_ProbersAllLeave: what the question finds is recorded nevertheless.
func TestPool_ProbersAllLeave(t *testing.T) {
	t.Parallel()
	p, proxy, log := poolProbed(t, 1, 0)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	proxy.BlackHole()
	if p.Ping(ctx, time.Second) == nil {
		t.Error("a black hole answered")
	}
	dbtest.Eventually(t, "it is logged", func() bool { return len(log.Lines(t, "database does not answer")) == 1 })
	proxy.Reset()
	proxy.Pass()
	dbtest.Eventually(t, "the end is logged", func() bool {
		_ = p.Ping(ctx, poolPatience) // the first may still share the question of before
		return len(log.Lines(t, "database answers again")) == 1
	})
}

// TestPool_ProbeAfterAQuestionThatIsOver: pgx takes its time to give up a dead line. Who comes meanwhile is not told what was.
func TestPool_ProbeAfterAQuestionThatIsOver(t *testing.T) {
	t.Parallel()
	p, proxy, _ := poolProbed(t, 1, 10) // a dead line keeps its slot for some time
	t.Cleanup(proxy.Reset)
	for range 3 {
		proxy.BlackHole()
		if p.Ping(t.Context(), 100*time.Millisecond) == nil {
			t.Error("a black hole answered")
		}
		proxy.Pass()
		if err := p.Ping(t.Context(), poolPatience); err != nil {
			t.Errorf("the database is back: %v", err)
		}
	}
}
