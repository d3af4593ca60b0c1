package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"time"

	"example.com/transcription-api/internal/config"
)

// workCommand is the example of work in the background.
func workCommand() command {
	return command{
		"work", "[--workers=N]", `work off pending items, 4 at a time; --lease=10m: a worker that has
an item for longer counts as dead, and another one may have it`, workArgs, nil, (*program).work,
	}
}

// workOrder is what follows "api work".
type workOrder struct {
	workers int
	lease   time.Duration
}

// parseWork refuses what can not be meant.
func parseWork(args []string) (order workOrder, ok bool) {
	flags := flag.NewFlagSet("work", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&order.workers, "workers", 4, "")
	flags.DurationVar(&order.lease, "lease", 10*time.Minute, "")
	err := flags.Parse(args)
	sane := order.workers >= 1 && order.workers <= 1000 && order.lease >= time.Second && order.lease <= 7*24*time.Hour
	return order, err == nil && flags.NArg() == 0 && sane
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
	c := crew{workOrder: order, conn: conn, log: p.log, transcribe: transcribe, shutdownTimeout: p.cfg.ShutdownTimeout}
	defer func() { err = errors.Join(err, p.disconnect(ctx, conn, c.deadline)) }()
	if err := p.prepare(ctx, conn); err != nil {
		return p.unlessStopped(ctx, err)
	}
	p.log.Info("working", "workers", order.workers, "lease", order.lease.String())
	return c.run(ctx)
}
