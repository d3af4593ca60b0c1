package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestApplyTakesBack: a write that fails leaves every file as it was.
func TestApplyTakesBack(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first, gone := filepath.Join(folder, "first"), filepath.Join(folder, "gone")
	for _, path := range []string{first, gone} {
		if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := apply([]change{
		{first, []byte("before"), []byte("after")},
		{gone, []byte("before"), nil},
		{filepath.Join(folder, "none", "x"), []byte("before"), []byte("after")},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, path := range []string{first, gone} {
		if data, err := os.ReadFile(path); err != nil || string(data) != "before" {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
}
