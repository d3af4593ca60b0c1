package main

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/web/app"
)

// serve connects, checks, migrates, listens and serves, in this order, until
// ctx ends.
func (p *program) serve(ctx context.Context, _ []string) (err error) {
	surviveLogReader()
	p.limitMemory(memlimit.FromCgroup)
	p.log.Info("starting", "version", version, "settings", p.cfg)
	if p.cfg.Environment == config.Production && len(p.cfg.API.APIKeys) == 0 {
		p.log.Warn("API_KEYS is not set: everybody may call this service")
	}
	conn, err := p.connect(ctx)
	if err != nil {
		return p.unlessStopped(ctx, err)
	}
	s := server{cfg: p.cfg, log: p.log, state: new(app.State), finish: conn.Drain}
	defer func() { err = errors.Join(err, p.disconnect(ctx, conn, s.deadline)) }()
	if err := p.prepareSchema(ctx); err != nil {
		return p.unlessStopped(ctx, err)
	}
	ln, err := listen(p.cfg)
	if err != nil {
		return err
	}
	defer ln.Close()
	defer p.keepClean(ctx, conn)()
	metrics := app.NewMetrics(conn)
	stopAdmin, err := p.serveAdmin(ctx, metrics)
	if err != nil {
		return err
	}
	defer stopAdmin()
	inspect := p.cfg.Environment == config.Dev && isLoopback(ln)
	handler, err := p.api(app.Options{
		Settings: p.cfg.API, DB: conn, Log: p.log, State: s.state, Metrics: metrics,
		OnlyLocal: p.cfg.Environment != config.Production && isLoopback(ln), Host: p.cfg.Host,
		Inspect: inspect,
	})
	if err != nil {
		return err
	}
	p.log.Info("listening", "url", "http://"+ln.Addr().String())
	if p.cfg.Environment == config.Dev {
		greet(p.stderr, p.cfg, ln.Addr(), handler, inspect)
	}
	return s.serve(ctx, &listener{TCPListener: ln.(*net.TCPListener), log: p.log}, handler)
}

// unlessStopped makes a start-up that a signal has ended a normal end.
func (p *program) unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	p.log.Info("stopped during start-up")
	return nil
}

// waitFor sleeps for d, or until done.
func waitFor(d time.Duration, done func() bool) {
	for deadline := time.Now().Add(d); time.Now().Before(deadline) && !done(); {
		time.Sleep(min(10*time.Millisecond, time.Until(deadline)))
	}
}
