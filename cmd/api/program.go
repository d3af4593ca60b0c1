package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web/app"
)

// program is what every command needs.
type program struct {
	stdout, stderr io.Writer
	api            func(app.Options) (http.Handler, error) // what serve serves
	cfg            config.Config
	log            *slog.Logger
}

// load reads the settings and makes the logger.
func (p *program) load(env environ) error {
	lookup, err := env(".env")
	if err != nil {
		return settingsError{err}
	}
	if p.cfg, err = config.Load(lookup); err != nil {
		return settingsError{err}
	}
	p.log = newLogger(p.cfg, p.stderr)
	return nil
}

// newLogger logs text for people in dev, JSON for machines elsewhere.
func newLogger(cfg config.Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	var handler slog.Handler = slog.NewJSONHandler(w, options)
	if cfg.Environment == config.Dev {
		handler = slog.NewTextHandler(w, options)
	}
	return slog.New(app.LogHandler(handler))
}

// dbOptions hands the settings of the database layer over.
func (p *program) dbOptions() db.Options {
	d := p.cfg.Database
	return db.Options{
		URL:                      d.URL.Reveal(),
		PoolSize:                 d.PoolSize,
		MaxOverflow:              d.MaxOverflow,
		PoolTimeout:              d.PoolTimeout,
		Recycle:                  d.Recycle,
		PrePing:                  d.PrePing,
		OverflowIdle:             d.OverflowIdle,
		MaxWaiting:               d.MaxWaiting,
		Reset:                    db.Reset(d.PoolReset),
		ConnectTimeout:           d.ConnectTimeout,
		StatementTimeout:         d.StatementTimeout,
		IdleInTransactionTimeout: d.IdleInTransactionTimeout,
		PgBouncer:                d.PgBouncer,
		MigrateLockTimeout:       d.MigrateLockTimeout,
		LeakThreshold:            d.LeakThreshold,
		SlowQuery:                d.SlowQuery,
		Echo:                     d.Echo,
		Dev:                      p.cfg.Environment == config.Dev,
		Logger:                   p.log,
	}
}

// connect tests the connection, with retries, and opens the pool.
func (p *program) connect(ctx context.Context) (*db.DB, error) {
	if err := p.testConnection(ctx); err != nil {
		return nil, err
	}
	return db.Open(ctx, p.dbOptions())
}

func (p *program) testConnection(ctx context.Context) error {
	if from := p.cfg.Database.URLFrom; len(from) > 0 {
		p.log.Info("connection parameters that DATABASE_URL leaves open", "from", from)
	}
	err := db.TestConnection(ctx, p.dbOptions(), p.cfg.Database.ConnectRetries, p.cfg.Database.ConnectRetryDelay)
	if errors.Is(err, db.ErrURL) {
		return settingsError{err}
	}
	return err
}

// disconnect closes the pool. What holds a connection has the time until the
// stop's deadline, and at least a second; then it is cut off with the process.
func (p *program) disconnect(ctx context.Context, conn *db.DB, deadline time.Time) error {
	limit := max(time.Until(deadline), time.Second) // no deadline: the start was not through
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	return conn.Close(ctx)
}
