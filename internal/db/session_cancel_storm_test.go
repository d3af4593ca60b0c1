package db_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
)

// sessionStorm has callers leave at random moments of their statements, until so many have or the time is over, and others
// beside them on the same connections, none of whom may notice. It returns how many left.
func sessionStorm(t *testing.T, conn *db.DB, leaving int64, limit time.Duration) int64 {
	t.Helper()
	end := time.Now().Add(limit)
	var left, stayed, hit atomic.Int64
	var all sync.WaitGroup
	more := func() bool { return left.Load() < leaving && hit.Load() == 0 && time.Now().Before(end) }
	for range 6 {
		all.Go(func() {
			for more() {
				if sessionLeavesAtRandom(t.Context(), conn) {
					left.Add(1)
				}
			}
		})
	}
	for range 3 {
		all.Go(func() {
			for more() {
				err := conn.WithSession(t.Context(), func(tx *gorm.DB) error { return tx.Exec("SELECT pg_sleep(0.003)").Error })
				if err != nil {
					hit.Add(1)
					t.Errorf("one that stayed: %v", err)
				}
				stayed.Add(1)
			}
		})
	}
	all.Wait()
	t.Logf("%d left and %d stayed", left.Load(), stayed.Load())
	return left.Load()
}

// sessionLeavesAtRandom reports whether the caller left before its statement had ended.
func sessionLeavesAtRandom(ctx context.Context, conn *db.DB) bool {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	return conn.WithSession(ctx, func(tx *gorm.DB) error {
		if err := tx.Exec("SELECT 1").Error; err != nil {
			return err
		}
		timer := time.AfterFunc(rand.N(1500*time.Microsecond), leave)
		defer timer.Stop()
		return tx.Exec("SELECT pg_sleep(0.001)").Error
	}) != nil
}

// TestSessionCancelsAtRandom: whatever a request to cancel meets, it is not another caller's statement.
func TestSessionCancelsAtRandom(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t, sessionPool(9, 0))
	if left := sessionStorm(t, conn, 200, 2*sessionPatience); left < 200 {
		t.Errorf("only %d callers left", left)
	}
}
