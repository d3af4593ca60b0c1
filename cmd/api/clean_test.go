package main

import (
	"log/slog"
	"testing"
)

// TestCleaningStops at once where the program ends without a signal, as when its port is taken.
func TestCleaningStops(t *testing.T) {
	t.Parallel()
	p := &program{log: slog.New(slog.DiscardHandler)}
	p.keepClean(t.Context(), nil)()
}
