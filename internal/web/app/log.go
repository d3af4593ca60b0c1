package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web"
)

// LogHandler adds the ids of the request and of its trace to every line that is logged with the
// request's context, the database layer's included.
func LogHandler(next slog.Handler) slog.Handler { return logHandler{next} }

type logHandler struct{ slog.Handler }

func (h logHandler) Handle(ctx context.Context, record slog.Record) error {
	if id := requestID(ctx); id != "" {
		record.AddAttrs(slog.String("request_id", id))
	}
	if id := traceID(ctx); id != "" {
		record.AddAttrs(slog.String("trace_id", id))
	}
	return h.Handler.Handle(ctx, record)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name)}
}

// logAccess writes one line for each request; probes' lines are for debugging.
func logAccess(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		start, ctx := time.Now(), c.Request.Context()
		defer func() { // also when the connection is ended by a panic
			level := slog.LevelInfo
			if strings.HasPrefix(c.FullPath(), "/health/") {
				level = slog.LevelDebug
			}
			if log.Enabled(ctx, level) {
				log.LogAttrs(ctx, level, "request", accessAttrs(ctx, c, time.Since(start))...)
			}
		}()
		c.Next()
	}
}

// maxPath is how many bytes of a path a line repeats: a client may send 64 KiB.
const maxPath = 1000

func accessAttrs(ctx context.Context, c *gin.Context, took time.Duration) []slog.Attr {
	attrs := append(make([]slog.Attr, 0, 11), // as many as there can be
		slog.String("method", c.Request.Method),
		slog.String("path", web.Cut(c.Request.URL.Path, maxPath)),
		slog.String("route", c.FullPath()),
		slog.Int("status", c.Writer.Status()),
		slog.Int("bytes", max(c.Writer.Size(), 0)),
		slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.String("client", c.ClientIP()),
	)
	if stats, ok := c.Value(statsKey).(db.Stats); ok {
		attrs = append(attrs, slog.Int("db_queries", stats.Queries), slog.Float64("db_ms", float64(stats.Time.Microseconds())/1000))
	}
	if c.GetBool(replayedKey) {
		attrs = append(attrs, slog.Bool("replayed", true))
	}
	if gone := errors.Is(context.Cause(ctx), context.Canceled); gone && c.Writer.Status() < http.StatusBadRequest {
		attrs = append(attrs, slog.Bool("client_gone", true)) // committed, though nobody reads the answer
	}
	return attrs
}
