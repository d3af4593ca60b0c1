// Package db is the database layer: a bounded pool under GORM, and the session,
// one transaction that begins with its first statement and ends with its owner.
// It is used, not edited, and knows no table, no route and no environment variable.
package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/singleflight"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// DB is the pool and the GORM configuration that its sessions share. One serves
// the whole process.
type DB struct {
	opts    Options
	log     *slog.Logger
	limiter *limiter
	pool    *pgxpool.Pool
	gorm    *gorm.DB // never used for statements: sessions are made from it
	work    *background
	replica *replica // nil: there is none

	probes singleflight.Group // one question to the database at a time
	down   atomic.Bool        // what the last of them found

	bridge  *bridge
	closing atomic.Bool
	effects effectsCache

	resetting  sync.Mutex
	generation atomic.Int64 // goes up with every reset of the pool

	checkedOut  atomic.Int64 // connections held by sessions
	probing     atomic.Int64 // connections held by health probes
	acquires    atomic.Int64
	waitNanos   atomic.Int64
	timeouts    atomic.Int64
	opened      atomic.Int64
	invalidated atomic.Int64
}

// Open makes the pool and waits until its first PoolSize connections are open or
// have failed, so that the first requests do not open more beside them. Only a
// URL that cannot be used is an error (ErrURL): see TestConnection.
func Open(ctx context.Context, opts Options) (*DB, error) {
	if opts.Replica == nil {
		return openPool(ctx, opts, 0)
	}
	d, err := openPool(ctx, opts, questions)
	if err != nil {
		return nil, err
	}
	if err = d.openReplica(ctx); err != nil {
		return nil, errors.Join(err, d.Close(ctx))
	}
	return d, nil
}

// openPool is Open without a replica; beside is how many connections there are
// beside those of sessions.
func openPool(ctx context.Context, opts Options, beside int) (*DB, error) {
	d := &DB{opts: opts, log: opts.logger(), limiter: newLimiter(opts.maxConns(), opts.MaxWaiting), work: newBackground(ctx)}
	cfg, err := d.poolConfig()
	if err != nil {
		return nil, err
	}
	cfg.MaxConns += int32(beside)
	if d.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, fmt.Errorf("open pool: %w", err)
	}
	d.bridge = newBridge(ctx)
	if d.gorm, err = gorm.Open(postgres.New(postgres.Config{Conn: d.bridge.sql}), d.gormConfig()); err != nil {
		d.pool.Close()
		return nil, fmt.Errorf("open gorm: %w", err)
	}
	if err = errors.Join(refuseBegin(d.gorm), scanDirect(d.gorm)); err != nil {
		d.pool.Close()
		return nil, fmt.Errorf("open gorm: %w", err)
	}
	d.awaitWarmUp(ctx)
	return d, nil
}

// logger is Logger, which may be nil.
func (o Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}

func (d *DB) awaitWarmUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.opts.ConnectTimeout)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		stat := d.pool.Stat()
		if stat.NewConnsCount() >= int64(d.opts.PoolSize) && stat.ConstructingConns() == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// gormConfig leaves prepared statements to pgx, whose cache is faster. It has GORM
// name the columns: a migration that adds one would break the cached plans of
// SELECT *. GORM logs only what tx.Debug() asks for, since the session logs its
// statements itself.
func (d *DB) gormConfig() *gorm.Config {
	return &gorm.Config{
		TranslateError:       true,
		QueryFields:          true,
		DisableAutomaticPing: true,
		NowFunc:              func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) },
		Logger: logger.NewSlogLogger(d.log, logger.Config{
			LogLevel:             logger.Silent,
			ParameterizedQueries: !d.opts.Dev,
		}),
	}
}

// orClosed replaces pgxpool's error of a closed pool by this package's.
func (d *DB) orClosed(err error) error {
	if err != nil && d.closing.Load() {
		return errClosed
	}
	return err
}

// Close drains the work outside of requests and closes the pool. It waits for
// sessions to hand their connections back, until ctx ends. The error says how
// much was cut off, how many connections were not handed back, and how much work
// came too late.
func (d *DB) Close(ctx context.Context) error {
	drained := d.Drain(ctx)
	if r := d.replica; r != nil {
		r.stop()
		drained = errors.Join(drained, r.db.Close(ctx))
	}
	d.closing.Store(true)
	done := make(chan struct{})
	go func() {
		d.pool.Close()
		close(done)
	}()
	select {
	case <-done:
		return errors.Join(drained, d.bridge.sql.Close(), d.refusedWork())
	case <-ctx.Done():
		return errors.Join(drained, fmt.Errorf("close pool: %d connections still in use: %w", d.checkedOut.Load(), ctx.Err()))
	}
}

func (d *DB) refusedWork() error {
	if n := d.work.refused.Load(); n > 0 {
		return fmt.Errorf("%d pieces of background work came too late: %w", n, ErrShutdown)
	}
	return nil
}
