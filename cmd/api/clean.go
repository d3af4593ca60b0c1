package main

import (
	"context"
	"sync"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web/app"
)

// keepClean starts what the service does beside requests: it ends with ctx, and
// stop waits for it.
func (p *program) keepClean(ctx context.Context, conn *db.DB) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { app.KeepIdempotencyKeysClean(ctx, conn, p.log, p.cfg.API.IdempotencyTTL) })
	return func() {
		cancel()
		work.Wait()
	}
}
