//go:build unix

package main

import (
	"os"
	"testing"
)

// TestOutputReaderGoesAway, as in make run 2>&1 | head: devdb has something to say at its start, and lives on.
func TestOutputReaderGoesAway(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd := devdbCommand(t, nil, "-throwaway", "--", "sh", "-c", "exit 7")
	cmd.Stderr = w
	_ = cmd.Run()
	w.Close()
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("%v, want status 7", cmd.ProcessState)
	}
}
