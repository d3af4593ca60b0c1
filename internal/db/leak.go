package db

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"
)

// leakWatch logs a session that holds its connection for longer than
// LeakThreshold: once with the place that took it, once when it has ended.
type leakWatch struct {
	db    *DB
	ctx   context.Context
	taken time.Time
	timer *time.Timer

	mu      sync.Mutex // keeps the two lines in order: the second only after the first
	told    bool
	stopped bool
}

// watchLeak returns nil, on which stop does nothing, if LeakThreshold is 0.
func (d *DB) watchLeak(ctx context.Context) *leakWatch {
	if d.opts.LeakThreshold <= 0 {
		return nil
	}
	callers := make([]uintptr, 32)
	callers = callers[:runtime.Callers(3, callers)]
	w := &leakWatch{db: d, ctx: context.WithoutCancel(ctx), taken: time.Now()}
	w.timer = time.AfterFunc(d.opts.LeakThreshold, func() { w.warn(callers) })
	return w
}

func (w *leakWatch) warn(callers []uintptr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	w.told = true
	w.db.log.LogAttrs(w.ctx, slog.LevelWarn, "session still open: a leak, or work that should not hold a connection",
		slog.Float64("seconds", w.db.opts.LeakThreshold.Seconds()), slog.String("taken_at", place(callers)))
}

func (w *leakWatch) stop() {
	if w == nil {
		return
	}
	w.timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.told {
		w.db.log.LogAttrs(w.ctx, slog.LevelWarn, "session that was open for too long has ended",
			slog.Float64("seconds", time.Since(w.taken).Seconds()))
	}
}

// place names the first callers outside of GORM and of this layer, nearest first.
func place(callers []uintptr) string {
	var lines []string
	for _, frame := range outside(callers) {
		lines = append(lines, fmt.Sprintf("%s (%s:%d)", frame.Function, frame.File, frame.Line))
	}
	return strings.Join(lines, " < ")
}

// outside are the first three callers outside of GORM and of this layer, nearest first.
func outside(callers []uintptr) (found []runtime.Frame) {
	frames := runtime.CallersFrames(callers)
	for frame, more := frames.Next(); more && len(found) < 3; frame, more = frames.Next() {
		if strings.HasPrefix(frame.Function, "gorm.io/") || strings.HasPrefix(frame.Function, "database/sql.") ||
			strings.Contains(frame.Function, "/internal/db.") || strings.Contains(frame.Function, "/internal/db/query.") {
			continue
		}
		found = append(found, frame)
	}
	return found
}
