package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
)

// cleanBatch is how many keys one transaction deletes: it is short, and what it
// locks is free again soon.
const cleanBatch = 1000

// Keys that another instance is deleting, or that a request replaces, are left alone.
const cleanSQL = `WITH expired AS MATERIALIZED (
	SELECT scope, key FROM idempotency_keys WHERE created_at <= now() - make_interval(secs => ?)
	ORDER BY created_at LIMIT ? FOR UPDATE SKIP LOCKED)
DELETE FROM idempotency_keys AS k USING expired WHERE k.scope = expired.scope AND k.key = expired.key`

// CleanIdempotencyKeys deletes the keys older than ttl and returns their number.
// They count for nothing before: deleting them only gives their room back.
func CleanIdempotencyKeys(ctx context.Context, conn *db.DB, ttl time.Duration) (deleted int64, err error) {
	for {
		var batch int64
		err := conn.WithSession(ctx, func(tx *gorm.DB) error {
			result := tx.Exec(cleanSQL, ttl.Seconds(), cleanBatch)
			batch = result.RowsAffected
			return result.Error
		})
		if err != nil {
			return deleted, fmt.Errorf("clean idempotency keys: %w", err)
		}
		deleted += batch
		if batch < cleanBatch {
			return deleted, nil
		}
	}
}

// KeepIdempotencyKeysClean cleans until ctx ends: some 24 times in a key's life,
// for the first time a minute after the start. Several instances may do so at once.
func KeepIdempotencyKeysClean(ctx context.Context, conn *db.DB, log *slog.Logger, ttl time.Duration) {
	cleanAgain(ctx, conn, log, ttl, time.After)
}

func cleanAgain(ctx context.Context, conn *db.DB, log *slog.Logger, ttl time.Duration, after func(time.Duration) <-chan time.Time) {
	for wait := time.Minute; ; wait = cleanPeriod(ttl) {
		select {
		case <-ctx.Done():
			return
		case <-after(wait):
		}
		deleted, err := CleanIdempotencyKeys(ctx, conn, ttl)
		switch {
		case ctx.Err() != nil: // the stop, no fault
		case err != nil:
			log.LogAttrs(ctx, slog.LevelWarn, "idempotency keys not cleaned", slog.String("error", err.Error()))
		case deleted > 0:
			log.LogAttrs(ctx, slog.LevelDebug, "idempotency keys cleaned", slog.Int64("deleted", deleted))
		}
	}
}

func cleanPeriod(ttl time.Duration) time.Duration { return min(max(ttl/24, time.Minute), time.Hour) }
