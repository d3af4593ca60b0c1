package main

import (
	"context"
	"errors"
	"net"
	"time"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/handlers"
)

// serve connects, checks, migrates, listens and serves, in this order, until
// ctx ends.
func (p *program) serve(ctx context.Context) (err error) {
	surviveLogReader()
	p.log.Info("starting", "version", version, "settings", p.cfg)
	if p.cfg.Environment == config.Production && len(p.cfg.APIKeys) == 0 {
		p.log.Warn("API_KEYS is not set: everybody may call this service")
	}
	conn, err := p.connect(ctx)
	if err != nil {
		return p.unlessStopped(ctx, err)
	}
	s := server{
		log:              p.log,
		state:            new(handlers.State),
		requestTimeout:   p.cfg.RequestTimeout,
		keepAliveTimeout: p.cfg.KeepAliveTimeout,
		shutdownDelay:    p.cfg.ShutdownDelay,
		shutdownTimeout:  p.cfg.ShutdownTimeout,
		finish:           conn.Drain,
	}
	defer func() { err = errors.Join(err, p.disconnect(ctx, conn, s.deadline)) }()
	if err := p.prepare(ctx, conn); err != nil {
		return p.unlessStopped(ctx, err)
	}
	ln, err := listen(p.cfg)
	if err != nil {
		return err
	}
	defer ln.Close()
	defer p.keepClean(ctx, conn)()
	metrics := handlers.NewMetrics(conn)
	stopAdmin, err := p.serveAdmin(ctx, metrics)
	if err != nil {
		return err
	}
	defer stopAdmin()
	handler, err := p.api(p.handlerOptions(conn, s.state, metrics))
	if err != nil {
		return err
	}
	p.log.Info("listening", "url", "http://"+ln.Addr().String())
	if p.cfg.Environment == config.Dev {
		greet(p.stderr, p.cfg, ln.Addr())
	}
	return s.serve(ctx, &listener{ln.(*net.TCPListener)}, handler)
}

// unlessStopped makes a start-up that a signal has ended a normal end.
func (p *program) unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	p.log.Info("stopped during start-up")
	return nil
}

// prepare checks the connection budget and brings the schema up to date.
func (p *program) prepare(ctx context.Context, conn *db.DB) error {
	budget, err := conn.Budget(ctx, p.cfg.Database.Instances)
	if err != nil {
		return err
	}
	if err := budget.Err(); err != nil && p.cfg.Environment == config.Production {
		return err
	} else if err != nil {
		p.log.Warn(err.Error())
	}
	return p.prepareSchema(ctx)
}

func (p *program) handlerOptions(conn *db.DB, state *handlers.State, metrics *handlers.Metrics) handlers.Options {
	keys := make([]string, len(p.cfg.APIKeys))
	for i, key := range p.cfg.APIKeys {
		keys[i] = key.Reveal()
	}
	return handlers.Options{
		DB:                 conn,
		Log:                p.log,
		State:              state,
		Metrics:            metrics,
		RequestTimeout:     p.cfg.RequestTimeout,
		MaxBodyBytes:       p.cfg.MaxBodyBytes,
		IdempotencyTTL:     p.cfg.IdempotencyTTL,
		APIKeys:            keys,
		CORSAllowedOrigins: p.cfg.CORSAllowedOrigins,
		TrustedProxies:     p.cfg.TrustedProxies,
	}
}

// waitFor sleeps for d, or until done.
func waitFor(d time.Duration, done func() bool) {
	for deadline := time.Now().Add(d); time.Now().Before(deadline) && !done(); {
		time.Sleep(min(10*time.Millisecond, time.Until(deadline)))
	}
}
