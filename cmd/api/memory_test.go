package main

import (
	"log/slog"
	"math"
	"runtime/debug"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestLimitMemory: GOGC and GOMEMLIMIT are the user's, if they are set.
func TestLimitMemory(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env            map[string]string
		percent, limit float64
	}{
		"by default": {map[string]string{"AUTOMEMLIMIT": "off"}, gcPercent, math.MaxInt64},
		"as set":     {map[string]string{"GOGC": "50", "GOMEMLIMIT": "300MiB"}, 50, 300 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.env["DATABASE_URL"], test.env["ADMIN_ADDR"] = dbtest.Things(t), "127.0.0.1:0"
			p := start(t, test.env)
			p.url()
			if got := metric(t, p, "go_gc_gogc_percent"); got != test.percent {
				t.Errorf("go_gc_gogc_percent is %v, want %v", got, test.percent)
			}
			if got := metric(t, p, "go_gc_gomemlimit_bytes"); got != test.limit {
				t.Errorf("go_gc_gomemlimit_bytes is %v, want %v", got, test.limit)
			}
		})
	}
}

// TestLimitMemoryInContainer leaves a tenth of the container's memory free.
func TestLimitMemoryInContainer(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}()
	p := program{log: slog.New(slog.DiscardHandler)}
	p.limitMemory(func() (uint64, error) { return 4 << 30, nil })
	if got, tenth := debug.SetMemoryLimit(-1), int64(4<<30)/10; got != 4<<30-tenth-1 && got != 4<<30-tenth {
		t.Errorf("a limit of %d bytes, want nine tenths of %d", got, int64(4<<30))
	}
}
