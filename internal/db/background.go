package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrShutdown ends the work outside of requests that still runs when Drain's time
// is over: it is the cause of that work's context. Work that comes later is
// refused with it.
var ErrShutdown = errors.New("the server is shutting down")

const (
	// cutGrace is what work that Drain has cancelled gets to roll back.
	cutGrace = 3 * time.Second
	// settleTime has to pass without any work before Drain takes the work as done:
	// a goroutine that a hook starts by itself counts only when it has reached its
	// session. Work by Go counts at once.
	settleTime = 100 * time.Millisecond
)

// background counts the work outside of requests: what Go started, and the
// sessions of WithSession, so that a stop can wait for it.
type background struct {
	ctx     context.Context // ends when Drain's time is over
	cancel  context.CancelCauseFunc
	refused atomic.Int64 // pieces of work that came too late

	mu      sync.Mutex
	running map[*task]struct{}
	ended   time.Time // when the last piece of work ended
	closed  bool      // nothing more is taken
}

// task is one piece of work in flight.
type task struct{ where func() string }

func newBackground(ctx context.Context) *background {
	b := &background{running: make(map[*task]struct{})}
	b.ctx, b.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	return b
}

// begin counts a piece of work until end is called. Once a stop has found
// nothing left to wait for, or has cancelled the rest, it returns ErrShutdown.
func (b *background) begin(where func() string) (end func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.ctx.Err() != nil {
		return nil, ErrShutdown
	}
	t := &task{where}
	b.running[t] = struct{}{}
	return func() { b.end(t) }, nil
}

func (b *background) end(t *task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.running, t)
	b.ended = time.Now()
}

// tie makes a context that ends with ctx, or when Drain's time is over.
func (b *background) tie(ctx context.Context) (tied context.Context, release func()) {
	tied, cancel := context.WithCancelCause(ctx)
	untie := context.AfterFunc(b.ctx, func() { cancel(context.Cause(b.ctx)) })
	return tied, func() {
		untie()
		cancel(nil)
	}
}

// detached has the values of one context and the end of another. A derived
// context ends with the function that it was made for; this one stays usable in
// the goroutines that the function has started.
type detached struct {
	context.Context // that of background
	values          context.Context
}

// Value looks at values first. They come from WithoutCancel, so they do not bring
// the other context's end along.
func (d detached) Value(key any) any {
	if value := d.values.Value(key); value != nil {
		return value
	}
	return d.Context.Value(key)
}

// detach makes a context that keeps ctx's values, and ends when Drain's time is over.
func (b *background) detach(ctx context.Context) context.Context {
	return detached{b.ctx, context.WithoutCancel(ctx)}
}

// done closes the count if nothing has run for settleTime.
func (b *background) done() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.running) == 0 && (b.ended.IsZero() || time.Since(b.ended) >= settleTime) {
		b.closed = true
	}
	return b.closed
}

// await polls until all work is done or ctx ends; then it reports whether
// nothing runs.
func (b *background) await(ctx context.Context) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !b.done() {
		select {
		case <-ctx.Done():
			b.mu.Lock()
			defer b.mu.Unlock()
			b.closed = len(b.running) == 0
			return b.closed
		case <-tick.C:
		}
	}
	return true
}

// watch cuts the session's line when Drain's time is over, for a statement that
// was given another context than the session's. COMMIT is left alone.
func (b *background) watch(s *Session) (stop func() bool) {
	return context.AfterFunc(b.ctx, func() {
		<-s.ctx.Done() // which ends with b.ctx, so that the statement's error finds its cause
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.transaction != nil && !s.ended {
			s.transaction.interrupt()
		}
	})
}

// cut cancels what still runs, takes no more, and returns the places at which
// it was started.
func (b *background) cut() (places []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for t := range b.running { // before they are cancelled, since they may end at once then
		places = append(places, t.where())
	}
	b.cancel(ErrShutdown)
	slices.Sort(places)
	return places
}

// Go runs fn in a goroutine of its own that a stop waits for: the way to do work
// after the answer. Its context keeps ctx's values, such as the request's id,
// and neither its end nor its deadline; it ends when a stop's time is over. What
// fn returns, and a panic, is logged. Work may start more work until the last of
// it has ended, also during a stop; what comes later does not run, which is
// logged as an error.
func (d *DB) Go(ctx context.Context, fn func(ctx context.Context) error) {
	d.spawn(ctx, callSite(), fn)
}

func (d *DB) spawn(ctx context.Context, where func() string, fn func(ctx context.Context) error) {
	ctx = d.work.detach(ctx)
	end, err := d.work.begin(where)
	if err != nil {
		d.work.refused.Add(1)
		d.log.LogAttrs(ctx, slog.LevelError, "background work refused: it will not be done",
			slog.String("error", err.Error()), slog.String("started_at", where()))
		return
	}
	go func() {
		defer end()
		defer d.logPanic(ctx, "background work panicked")
		if err := fn(ctx); err != nil {
			d.log.LogAttrs(ctx, slog.LevelError, "background work failed",
				slog.String("error", err.Error()), slog.String("started_at", where()))
		}
	}()
}

// logPanic is deferred: it ends a panic, and logs it.
func (d *DB) logPanic(ctx context.Context, msg string) {
	if fault := recover(); fault != nil {
		d.log.LogAttrs(ctx, slog.LevelError, msg,
			slog.String("error", fmt.Sprint(fault)), slog.String("stack", string(debug.Stack())))
	}
}

// Drain waits for the work outside of requests: that of Go, of the hooks of
// AfterCommit, and of WithSession. Call it once no request can start more. What
// still runs when ctx ends is cancelled, with ErrShutdown as the cause, and gets
// three seconds to roll back; the error, and a line in the log, say how many
// these were.
func (d *DB) Drain(ctx context.Context) error {
	if d.work.await(ctx) {
		return nil
	}
	places := d.work.cut()
	d.log.LogAttrs(ctx, slog.LevelError, "background work cut off: it did not end in time",
		slog.Int("count", len(places)), slog.Any("started_at", slices.Compact(slices.Clone(places))))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutGrace)
	defer cancel()
	d.work.await(ctx)
	return fmt.Errorf("drain: %d pieces of background work cut off", len(places))
}

// callSite remembers the caller of the function that calls it. The text is made
// only when it is asked for.
func callSite() func() string {
	callers := make([]uintptr, 16)
	callers = callers[:runtime.Callers(3, callers)]
	return func() string { return place(callers) }
}
