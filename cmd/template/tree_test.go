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
	first, gone := filepath.Join(folder, "first"), filepath.Join(folder, "sub", "gone")
	if err := os.Mkdir(filepath.Dir(gone), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{first, gone} {
		if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := apply([]change{
		{first, []byte("before"), []byte("after")},
		{gone, []byte("before"), nil},
		{filepath.Join(folder, "new", "x"), nil, []byte("after")},
		{filepath.Join(first, "x"), nil, []byte("a file is no folder")},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, path := range []string{first, gone} {
		if data, err := os.ReadFile(path); err != nil || string(data) != "before" {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "new")); err == nil {
		t.Error("a new folder is left")
	}
}
