package db_test

import (
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
)

const poolAge = time.Second

// TestPool_Recycle: a connection is replaced at its age, idle ones before
// anybody asks for them. (test_recycle)
func TestPool_Recycle(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 1, 0, func(o *db.Options) { o.Recycle = poolAge })
	first := p.backends()
	time.Sleep(poolAge + poolAge/10)
	if pid := p.mustOnce(); pid == first[0] {
		t.Errorf("backend %d serves beyond its age", pid)
	}
	if n := p.Counters().Recycled; n < 1 {
		t.Errorf("%d connections recycled", n)
	}
	if c := p.Counters(); c.Invalidated != 0 {
		t.Errorf("%d connections invalidated, want none", c.Invalidated)
	}
}

// TestPool_RecycleNotWhileOut: a session keeps its connection, however old; the next gets another.
// (test_recycle: checkout alone looks at the age)
func TestPool_RecycleNotWhileOut(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 2, 0, func(o *db.Options) { o.Recycle = poolAge })
	held := p.takeMany(2)
	for end := time.Now().Add(3 * poolAge); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		for _, s := range held {
			var pid int
			if err := s.DB().Raw("SELECT pg_backend_pid()").Scan(&pid).Error; err != nil || pid != s.pid {
				t.Fatalf("backend %d became %d: %v", s.pid, pid, err)
			}
		}
	}
	if n := p.Counters().Recycled; n != 0 {
		t.Errorf("%d connections recycled while out", n)
	}
	for _, s := range held {
		if err := s.Commit(); err != nil {
			t.Error(err)
		}
	}
	if pid := p.mustOnce(); pid == held[0].pid || pid == held[1].pid {
		t.Errorf("backend %d serves beyond its age", pid)
	}
}

// TestPool_RecycleNever: -1. (pool_recycle's default)
func TestPool_RecycleNever(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 1, 0, func(o *db.Options) { o.Recycle = -1 })
	first := p.backends()
	for range 5 {
		time.Sleep(500 * time.Millisecond)
		if pid := p.mustOnce(); pid != first[0] {
			t.Fatalf("backend %d was replaced by %d", first[0], pid)
		}
	}
	if c := p.Counters(); c.Recycled != 0 || c.Opened != 1 {
		t.Errorf("%d recycled, %d opened", c.Recycled, c.Opened)
	}
}

// TestPool_RecycleUnderLoad: no session notices, and the limit holds.
func TestPool_RecycleUnderLoad(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 2, 2, func(o *db.Options) { o.Recycle = poolAge })
	start, enough := time.Now(), func() bool { return p.Counters().Recycled >= 4 }
	most := p.poolMost(func() {
		errs := poolTogether(12, func(int) error {
			for !poolEnough(start, enough) {
				if _, err := p.once(); err != nil {
					return err
				}
			}
			return nil
		})
		if len(errs) > 0 {
			t.Error(errs)
		}
	})
	if most > 4 {
		t.Errorf("%d backends at a time, want 4 at most", most)
	}
	if !enough() {
		t.Errorf("%d connections recycled", p.Counters().Recycled)
	}
	p.noSlotLost()
}
