// Package load sends requests and measures how they are answered. It runs in a
// process of its own, so that neither its memory nor its garbage collector is
// part of what is measured, and it is frugal, as it shares the processors.
package load

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Options say what to send where.
type Options struct {
	Address  string // host:port
	Work     Work
	Clients  int           // each with a connection and one request at a time
	Window   time.Duration // how long to measure
	Requests int           // of each client, instead of Window; 0: Window
	WarmUp   time.Duration // not measured
	Rows     int           // ids from 1 to Rows exist
}

// Result is what came of it.
type Result struct {
	Requests int           `json:"requests"`
	Elapsed  time.Duration `json:"elapsed"`
	P50      time.Duration `json:"p50"`
	P99      time.Duration `json:"p99"`
	CPU      time.Duration `json:"cpu"` // of the load itself, meanwhile
}

// PerSecond is the throughput.
func (r Result) PerSecond() float64 { return float64(r.Requests) / r.Elapsed.Seconds() }

// Run connects all clients, warms up, calls ready and then measures. An answer
// with another status than the work's is an error: a figure with failures in it
// would compare nothing.
func Run(o Options, ready func() error) (Result, error) {
	want, err := o.Work.status()
	if err != nil {
		return Result{}, err
	}
	clients := make([]*client, o.Clients)
	defer func() {
		for _, c := range clients {
			if c != nil {
				c.close()
			}
		}
	}()
	for i := range clients {
		if clients[i], err = dial(o.Address); err != nil {
			return Result{}, err
		}
	}
	warm := o
	warm.Window, warm.Requests = o.WarmUp, min(o.Requests, 15)
	if _, err := warm.drive(clients, want); err != nil {
		return Result{}, fmt.Errorf("warm-up: %w", err)
	}
	if err := ready(); err != nil {
		return Result{}, err
	}
	before := processorTime()
	result, err := o.drive(clients, want)
	result.CPU = processorTime() - before
	return result, err
}

// processorTime is this process's so far.
func processorTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // fails for no valid argument
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// drive lets all clients send until the window is over; requests in flight then
// are finished and counted.
func (o Options) drive(clients []*client, want int) (Result, error) {
	var (
		running sync.WaitGroup
		failed  atomic.Pointer[error]
		mu      sync.Mutex
		all     histogram
	)
	start := time.Now()
	for i, c := range clients {
		running.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(start.UnixNano())))
			times, err := o.repeat(c, rng, start, want, &failed)
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
			mu.Lock()
			defer mu.Unlock()
			all.merge(times)
		})
	}
	running.Wait()
	if err := failed.Load(); err != nil {
		return Result{}, *err
	}
	return Result{Requests: all.n, Elapsed: time.Since(start), P50: all.percentile(.50), P99: all.percentile(.99)}, nil
}

// repeat is one client's part. It ends early when another client has failed.
func (o Options) repeat(c *client, rng *rand.Rand, start time.Time, want int, failed *atomic.Pointer[error]) (*histogram, error) {
	times := new(histogram)
	for sent := time.Now(); o.goesOn(times.n, sent.Sub(start)) && failed.Load() == nil; {
		c.out = o.Work.request(c.out, o.Address, o.Rows, rng)
		status, err := c.do()
		if err != nil {
			return times, fmt.Errorf("%s: %w", o.Work, err)
		}
		if status != want {
			return times, fmt.Errorf("%s: answered %d, want %d", o.Work, status, want)
		}
		now := time.Now()
		times.add(now.Sub(sent))
		sent = now
	}
	return times, nil
}

func (o Options) goesOn(done int, passed time.Duration) bool {
	if o.Requests > 0 {
		return done < o.Requests
	}
	return passed < o.Window
}
