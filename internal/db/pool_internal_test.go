package db

import (
	"strings"
	"testing"
	"time"
)

// TestPool_ApplicationName: PostgreSQL keeps 63 bytes, and pods differ at their names' ends.
func TestPool_ApplicationName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60) + "-x7k2p"
	whole := strings.Fields(Options{}.applicationName("web-1", 42))
	if len(whole) != 2 || whole[1] != "web-1:42" {
		t.Errorf("%q", whole)
	}
	if got := (Options{}).applicationName(long, 4194304); len(got) != 63 || !strings.HasSuffix(got, "a-x7k2p:4194304") {
		t.Errorf("%q is %d bytes", got, len(got))
	}
	if got := (Options{PgBouncer: true}).applicationName("web-1", 42); got != whole[0] {
		t.Errorf("behind PgBouncer: %q, want %q", got, whole[0])
	}
}

// TestPool_RecycleJitter: connections opened together do not all end together.
// pgxpool draws whole seconds, so watching it would take a recycle of a minute.
func TestPool_RecycleJitter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ recycle, age, jitter time.Duration }{
		{time.Hour, time.Hour, 6 * time.Minute},
		{time.Minute, time.Minute, 6 * time.Second},
		{-time.Second, 0, 0},
		{-1, 0, 0},
	} {
		if age, jitter := lifetime(c.recycle); age != c.age || jitter != c.jitter {
			t.Errorf("recycle %v: age %v, jitter %v, want %v and %v", c.recycle, age, jitter, c.age, c.jitter)
		}
	}
	d := &DB{opts: Options{URL: "postgres://u@h/d", PoolSize: 1, Recycle: time.Hour}}
	cfg, err := d.poolConfig()
	if err != nil || cfg.MaxConnLifetime != time.Hour || cfg.MaxConnLifetimeJitter != 6*time.Minute {
		t.Errorf("pgxpool is told %v and %v, %v", cfg.MaxConnLifetime, cfg.MaxConnLifetimeJitter, err)
	}
}
