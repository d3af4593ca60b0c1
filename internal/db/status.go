package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Status shows the pool in SQLAlchemy's words. Health probes' own connections
// count as idle.
type Status struct {
	Size        int   `json:"size"`
	MaxOverflow int   `json:"max_overflow"`
	CheckedIn   int   `json:"checked_in"`  // idle, open
	CheckedOut  int   `json:"checked_out"` // in use by sessions
	Overflow    int   `json:"overflow"`    // open beyond Size
	Waiting     int   `json:"waiting"`     // sessions that wait for a connection now
	Timeouts    int64 `json:"timeouts"`    // sessions that waited in vain, since the start
}

// Counters are totals since the start.
type Counters struct {
	Acquires    int64         // connections handed to sessions
	Wait        time.Duration // time that sessions waited for one
	Timeouts    int64         // sessions that got none within PoolTimeout
	Opened      int64         // connections opened
	Recycled    int64         // connections replaced for their age
	Invalidated int64         // connections replaced because one of their age was dead
}

// Status returns the pool's figures now.
func (d *DB) Status() Status {
	s := Status{
		Size:        d.opts.PoolSize,
		MaxOverflow: d.opts.MaxOverflow,
		CheckedOut:  int(d.checkedOut.Load()),
		CheckedIn:   int(d.pool.Stat().IdleConns()) + int(d.probing.Load()),
		Waiting:     int(d.limiter.waiting.Load()),
		Timeouts:    d.timeouts.Load(),
	}
	s.Overflow = max(0, s.CheckedIn+s.CheckedOut-s.Size)
	return s
}

// Counters returns the totals so far.
func (d *DB) Counters() Counters {
	return Counters{
		Acquires:    d.acquires.Load(),
		Wait:        time.Duration(d.waitNanos.Load()),
		Timeouts:    d.timeouts.Load(),
		Opened:      d.opened.Load(),
		Recycled:    d.pool.Stat().MaxLifetimeDestroyCount(),
		Invalidated: d.invalidated.Load(),
	}
}

// Exhausted reports that sessions hold every connection that the pool may have.
func (s Status) Exhausted() bool { return s.CheckedOut >= s.Size+s.MaxOverflow }

// Ping asks the database for an answer within limit, or as long as ctx lasts.
// All who ask at the same time share one question, so that a flood of probes
// takes one connection of the pool. Where the pool is exhausted the question goes
// to the server without one (see probeServer), since no connection may be opened
// beyond the limit. The question has a context of its own: whoever leaves changes
// nothing for the others. The error is ErrUnavailable.
func (d *DB) Ping(ctx context.Context, limit time.Duration) error {
	start := time.Now()
	wait, stop := context.WithDeadline(ctx, start.Add(limit))
	defer stop()
	for end := start.Add(limit); ; end = time.Now().Add(limit) {
		answer := d.probes.DoChan("", func() (any, error) { return d.ask(ctx, end) })
		select {
		case <-wait.Done():
		case result := <-answer:
			if result.Val.(time.Time).After(start) {
				return result.Err
			}
			continue // it was asked for others, and its time was over before this caller came
		}
		select {
		case result := <-answer: // at the last moment
			return result.Err
		default:
			return noAnswer(ctx, limit)
		}
	}
}

// noAnswer tells a caller that left from a limit that was reached.
func noAnswer(ctx context.Context, limit time.Duration) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
	return fmt.Errorf("%w: no answer within %v", ErrUnavailable, limit)
}

// ask is the question that probes share. It has the time of the first who asks,
// and returns the end of that: a caller who comes after it asks anew. It lasts
// until it holds no connection any more, which on a dead line is half a second
// longer. It logs when the database goes away and when it comes back, since
// without requests nothing else notices.
func (d *DB) ask(ctx context.Context, end time.Time) (deadline time.Time, err error) {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	defer cancel()
	if err = d.ping(ctx); err != nil {
		err = fmt.Errorf("%w: %w", ErrUnavailable, oneLine{err})
	}
	switch was := d.down.Swap(err != nil); {
	case err != nil && !was:
		d.log.LogAttrs(ctx, slog.LevelError, "database does not answer", slog.String("error", err.Error()))
	case err == nil && was:
		d.log.LogAttrs(ctx, slog.LevelInfo, "database answers again")
	}
	return end, err
}

// ping tries again where the connection was dead already: that tells nothing
// about the database now, and a session replaces such a connection, too.
func (d *DB) ping(ctx context.Context) error {
	if !d.limiter.tryAcquire() {
		return d.probeServer(ctx)
	}
	defer d.limiter.release()
	err := d.pingOnce(ctx)
	for errors.Is(err, errStale) {
		err = d.pingOnce(ctx)
	}
	return err
}

func (d *DB) pingOnce(ctx context.Context) error {
	return d.askBeside(ctx, func(conn *pgx.Conn) error { return conn.Ping(ctx) })
}

// askBeside asks over a connection that is not counted as a session's.
func (d *DB) askBeside(ctx context.Context, ask func(*pgx.Conn) error) error {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return d.orClosed(err)
	}
	d.probing.Add(1)
	defer func() {
		d.retire(conn.Conn())
		conn.Release()
		d.probing.Add(-1)
	}()
	err = ask(conn.Conn())
	if err != nil && conn.Conn().IsClosed() && ctx.Err() == nil {
		d.invalidate(conn.Conn())
		return fmt.Errorf("%w: %w", errStale, err)
	}
	return err
}

// probeServer sends the server an SSLRequest. The server answers that with one
// byte before it starts a backend, so that the probe costs none of
// max_connections. Several hosts are asked at the same time: one that hangs
// would else leave no time for the others.
func (d *DB) probeServer(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cfg := d.pool.Config().ConnConfig.Config
	hosts := append([]*pgconn.FallbackConfig{{Host: cfg.Host, Port: cfg.Port}}, cfg.Fallbacks...)
	hosts = slices.CompactFunc(hosts, func(a, b *pgconn.FallbackConfig) bool { // the same one without TLS
		return a.Host == b.Host && a.Port == b.Port
	})
	answers := make(chan error, len(hosts))
	for _, host := range hosts {
		go func() { answers <- probeHost(ctx, host) }()
	}
	var errs []error
	for range hosts {
		err := <-answers
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func probeHost(ctx context.Context, host *pgconn.FallbackConfig) error {
	network, address := pgconn.NetworkAddress(host.Host, host.Port)
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	sslRequest := []byte{0, 0, 0, 8, 4, 210, 22, 47} // length, code 80877103
	if _, err := conn.Write(sslRequest); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}
