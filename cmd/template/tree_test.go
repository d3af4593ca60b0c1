package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestApplyTakesBack: a write that fails leaves every file as it was, its mode too.
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
		{path: first, before: []byte("before"), after: []byte("after"), mode: 0o755},
		{path: gone, before: []byte("before")},
		{path: filepath.Join(folder, "new", "x"), after: []byte("after")},
		{path: filepath.Join(first, "x"), after: []byte("a file is no folder")},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, path := range []string{first, gone} {
		if data, err := os.ReadFile(path); err != nil || string(data) != "before" {
			t.Errorf("%s: %q, %v", path, data, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "new")); err == nil {
		t.Error("a new folder is left")
	}
}

// TestDropKeepsEmptyFiles: an edit that makes nil of a file removes it.
func TestDropKeepsEmptyFiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{".gitkeep", "empty.md"} {
		if data, err := (example{left: []string{name}}).edit(name, []byte{}); data == nil || err != nil {
			t.Errorf("%s: %v, %v", name, data, err)
		}
	}
}
