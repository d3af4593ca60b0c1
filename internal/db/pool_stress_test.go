package db_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// poolStress lets clients use the pool until done, some of which give up in
// the middle; it counts the sessions that committed.
func poolStress(t *testing.T, p *poolUnderTest, done <-chan struct{}, committed *atomic.Int64) {
	t.Helper()
	poolTogether(16, func(int) error {
		for n := 0; ; n++ {
			select {
			case <-done:
				return nil
			default:
			}
			limit := poolPatience
			if n%5 == 0 {
				limit = rand.N(20 * time.Millisecond)
			}
			err := poolStressOnce(t.Context(), p, limit)
			if complaint := poolComplaint(err, limit); complaint != "" {
				t.Error(complaint)
			}
			if err == nil {
				committed.Add(1)
			}
		}
	})
}

// poolEnough reports whether the stress may end: after 4 s, or when a slow
// machine has done enough for its findings to count.
func poolEnough(start time.Time, enough func() bool) bool {
	took := time.Since(start)
	return took > 4*time.Second && (enough() || took > poolPatience)
}

func poolStressOnce(ctx context.Context, p *poolUnderTest, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s := p.NewSession(ctx)
	defer s.Rollback()
	for range 2 {
		if err := s.DB().Exec("SELECT pg_sleep(0.003)").Error; err != nil {
			return err
		}
	}
	return s.Commit()
}

// poolComplaint says what is wrong with a session's error: it must be the
// caller's own giving up, or one that says to try again.
func poolComplaint(err error, limit time.Duration) string {
	switch {
	case err == nil:
		return ""
	case poolForeign(err) != nil:
		return fmt.Sprintf("an error of the layers below: %v", err)
	case errors.Is(err, db.ErrPoolTimeout), errors.Is(err, db.ErrQueueFull):
		return fmt.Sprintf("a slot is lost: %v", err)
	case limit < poolPatience, db.Classify(err) == db.Unavailable:
		return ""
	default:
		return fmt.Sprintf("class %v: %v", db.Classify(err), err)
	}
}

// TestPool_Stress: clients that give up, and connections recycled under them:
// never over the limit, no slot lost.
func TestPool_Stress(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 3, 3, func(o *db.Options) { o.Recycle, o.OverflowIdle = time.Second, time.Second })
	done, start := make(chan struct{}), time.Now()
	var committed atomic.Int64
	enough := func() bool { return committed.Load() >= 100 && p.Counters().Recycled >= 6 }
	go func() {
		defer close(done)
		for !poolEnough(start, enough) {
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if most := p.poolMost(func() { poolStress(t, p, done, &committed) }); most > 6 {
		t.Errorf("%d backends at a time, want 6 at most", most)
	}
	if !enough() {
		t.Errorf("only %d sessions committed, %d connections recycled", committed.Load(), p.Counters().Recycled)
	}
	p.noSlotLost()
}

// TestPool_StressKills: with backends killed, too. While the pool replaces a
// generation, those that are on their way out stand beside the new ones: never
// more than once the limit, and soon gone.
func TestPool_StressKills(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 3, 3, func(o *db.Options) { o.Recycle, o.OverflowIdle = time.Second, time.Second })
	done, kills := make(chan struct{}), 0
	var committed atomic.Int64
	enough := func() bool { return committed.Load() >= 100 && kills >= 5 }
	stressed := make(chan struct{})
	go func() {
		defer close(stressed)
		poolStress(t, p, done, &committed)
	}()
	for start := time.Now(); !poolEnough(start, enough); time.Sleep(50 * time.Millisecond) {
		if pids := p.backends(); len(pids) > 0 {
			p.terminate(pids[rand.N(len(pids)):]...)
			kills++
		}
		dbtest.Eventually(t, "the limit is kept", func() bool {
			n := len(p.backends())
			if n > 2*p.most {
				t.Errorf("%d backends at a time", n)
			}
			return n <= p.most
		})
	}
	close(done)
	<-stressed
	if !enough() {
		t.Errorf("only %d sessions committed, %d kills", committed.Load(), kills)
	}
	if n := p.Counters().Invalidated; n == 0 {
		t.Error("no connection was invalidated")
	}
	p.noSlotLost()
	dbtest.Eventually(t, "size is open and the rest closed", func() bool { return len(p.backends()) <= p.most })
}
