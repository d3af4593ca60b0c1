//go:build unix

package devdb

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestSecondStarterIsToldOfTheFirst(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	first := startFor(t, Options{Dir: dir})
	_, err := Start(t.Context(), Options{Dir: dir})
	var inUse *InUseError
	if !errors.As(err, &inUse) || *inUse != (InUseError{Dir: dir, PID: os.Getpid(), URL: first.URL()}) {
		t.Errorf("%v", err)
	}
	query(t, first.URL(), "SELECT 'still there'")
}

// TestSecondStarterWaits while the first one has no URL yet, and takes over if it never comes to that.
func TestSecondStarterWaits(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	first, err := claim(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	notice := ""
	log := writer(func(text string) {
		notice += text
		first.unlock()
	})
	query(t, startFor(t, Options{Dir: dir, Log: log}).URL(), "SELECT 'fine'")
	if want := fmt.Sprintf("devdb: waiting for process %d, which ", os.Getpid()); strings.Count(notice, want) != 1 {
		t.Errorf("%q is not once in %q", want, notice)
	}
}

type writer func(text string)

func (w writer) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}

// TestStartersAtOnce: one of many starts the server, and the others learn of it.
func TestStartersAtOnce(t *testing.T) {
	t.Parallel()
	needsPostgres(t)
	dir := tempDir(t)
	var started, told atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			var inUse *InUseError
			switch s, err := Start(t.Context(), Options{Dir: dir}); {
			case err == nil:
				started.Add(1)
				t.Cleanup(func() { stop(t, s) })
			case errors.As(err, &inUse):
				told.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if started.Load() != 1 || told.Load() != 3 {
		t.Errorf("%d started and %d were told, want 1 and 3", started.Load(), told.Load())
	}
}
