package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/web/app"
)

// TestLogHandler: loggers made from the service's keep the ids.
func TestLogHandler(t *testing.T) {
	t.Parallel()
	ctx := app.WithIDs(t.Context(), "r1", "t1")
	ids := map[string]any{"request_id": "r1", "trace_id": "t1"}
	tests := map[string]struct {
		change func(*slog.Logger) *slog.Logger
		ctx    context.Context
		want   map[string]any
	}{
		"as it is": {func(l *slog.Logger) *slog.Logger { return l }, ctx, ids},
		"With":     {func(l *slog.Logger) *slog.Logger { return l.With("a", "b") }, ctx, map[string]any{"a": "b", "request_id": "r1", "trace_id": "t1"}},
		"group":    {func(l *slog.Logger) *slog.Logger { return l.WithGroup("g") }, ctx, map[string]any{"g": ids}},
		"no ids":   {func(l *slog.Logger) *slog.Logger { return l }, t.Context(), map[string]any{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			test.change(slog.New(app.LogHandler(slog.NewJSONHandler(&out, nil)))).InfoContext(test.ctx, "hello")
			var got map[string]any
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			for _, field := range []string{"time", "level", "msg"} {
				delete(got, field)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
