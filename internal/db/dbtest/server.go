//go:build unix

package dbtest

import (
	"testing"

	"example.com/transcription-api/internal/devdb"
)

// Server starts a server of the test's own, which it may change as a whole, stop and crash.
func Server(t testing.TB, opts devdb.Options) *devdb.Server {
	t.Helper()
	opts.Throwaway = true
	server, err := devdb.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, server.Stop)
	return server
}
