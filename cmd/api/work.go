package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/web/app"
)

// workCommand is the example of work in the background.
func workCommand() command {
	return command{
		"work", "[--workers=N]", `work off pending items, 4 at a time; --lease=10m: a worker that has
an item for longer counts as dead, and another one may have it;
--attempts=5: then it has failed; --backoff=30s after the first,
then twice as long each time`, workArgs, nil, (*program).work,
	}
}

// workOrder is what follows "api work".
type workOrder struct {
	workers  int
	lease    time.Duration
	attempts int           // with an item, before it has failed
	backoff  time.Duration // after the first of them
}

// parseWork refuses what can not be meant.
func parseWork(args []string) (order workOrder, ok bool) {
	flags := flag.NewFlagSet("work", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&order.workers, "workers", 4, "")
	flags.DurationVar(&order.lease, "lease", 10*time.Minute, "")
	flags.IntVar(&order.attempts, "attempts", 5, "")
	flags.DurationVar(&order.backoff, "backoff", 30*time.Second, "")
	err := flags.Parse(args)
	return order, err == nil && flags.NArg() == 0 && order.sane()
}

func (o workOrder) sane() bool {
	return o.workers >= 1 && o.workers <= 1000 && o.lease >= time.Second && o.lease <= 7*24*time.Hour &&
		o.attempts >= 1 && o.attempts <= 1000 && o.backoff >= 0 && o.backoff <= maxBackoff
}

func workArgs(args []string) bool {
	_, ok := parseWork(args)
	return ok
}

func (p *program) work(ctx context.Context, args []string) error {
	return p.workWith(ctx, args, newTranscriber)
}

// workWith starts as serve does, and works until ctx ends.
func (p *program) workWith(ctx context.Context, args []string, engine func(config.Config) (transcriber, error)) (err error) {
	surviveLogReader()
	p.limitMemory(memlimit.FromCgroup)
	order, _ := parseWork(args)
	transcribe, err := engine(p.cfg)
	if err != nil {
		return err
	}
	p.log.Info("starting", "version", version, "settings", p.cfg)
	p.cfg.DB.Replica = nil // it claims what it reads
	conn, err := p.connect(ctx)
	if err != nil {
		return p.unlessStopped(ctx, err)
	}
	metrics := app.NewMetrics(conn)
	c := crew{
		workOrder: order, conn: conn, log: p.log, transcribe: transcribe,
		figures: newWorkFigures(ctx, conn, metrics), shutdownTimeout: p.cfg.ShutdownTimeout,
	}
	defer func() { err = errors.Join(err, p.disconnect(ctx, conn, c.deadline)) }()
	if err := p.prepareSchema(ctx); err != nil {
		return p.unlessStopped(ctx, err)
	}
	stopAdmin, err := p.serveAdmin(ctx, metrics)
	if err != nil {
		return err
	}
	defer stopAdmin()
	p.log.Info("working", "workers", order.workers, "lease", order.lease.String())
	return c.run(ctx)
}
