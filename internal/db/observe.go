package db

import (
	"context"
	"log/slog"
	"time"
)

// repeatLimit is how often one statement may be sent in a session before a log
// line in dev suggests a loop that one statement could replace.
const repeatLimit = 10

// observe accounts for one statement: figures, echo, slow log, repeats.
func (s *Session) observe(ctx context.Context, query string, args []any, start time.Time, err error) {
	took := time.Since(start)
	s.mu.Lock()
	s.stats.Queries++
	s.stats.Time += took
	repeated := s.countRepeat(query)
	s.mu.Unlock()

	s.echo(ctx, query, args, start, err)
	if limit := s.db.opts.SlowQuery; limit > 0 && took >= limit {
		s.db.log.LogAttrs(ctx, slog.LevelWarn, "slow query", s.db.describe(query, args, took)...)
	}
	if repeated {
		s.db.log.LogAttrs(ctx, slog.LevelWarn, "statement repeated: can one statement do it?",
			slog.String("sql", query), slog.Int("times", repeatLimit+1))
	}
}

// countRepeat reports, once for each statement, that the limit was passed.
func (s *Session) countRepeat(query string) bool {
	if !s.db.opts.Dev {
		return false
	}
	if s.seen == nil {
		s.seen = make(map[string]int)
	}
	s.seen[query]++
	return s.seen[query] == repeatLimit+1
}

// echoBegin logs BEGIN, and the settings that travel with it.
func (s *Session) echoBegin(b beginning, start time.Time, err error) {
	s.echo(s.ctx, b.begin, nil, start, err)
	for i, name := range b.names {
		s.echo(s.ctx, setLocalSQL, []any{name, b.values[i]}, start, err)
	}
}

// echo logs a statement if DB_ECHO is on.
func (d *DB) echo(ctx context.Context, query string, args []any, start time.Time, err error) {
	if !d.opts.Echo {
		return
	}
	attrs := d.describe(query, args, time.Since(start))
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	d.log.LogAttrs(ctx, slog.LevelInfo, "sql", attrs...)
}

// describe shows parameters in dev only: elsewhere they are somebody's data.
func (d *DB) describe(query string, args []any, took time.Duration) []slog.Attr {
	attrs := []slog.Attr{slog.String("sql", query), slog.Float64("ms", milliseconds(took))}
	if d.opts.Dev && len(args) > 0 {
		attrs = append(attrs, slog.Any("params", shown(args)))
	}
	return attrs
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
