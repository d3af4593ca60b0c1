package proc_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"example.com/transcription-api/bench/internal/proc"
)

// fake is a /proc with the given processes.
func fake(t *testing.T, stats map[string]string) proc.FS {
	t.Helper()
	root := t.TempDir()
	for pid, stat := range stats {
		if err := os.MkdirAll(filepath.Join(root, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, pid, "stat"), []byte(stat), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return proc.FS(root)
}

const rest = " 20 0 1 0 100 1000 10 18446744073709551615\n"

func TestFamilyCPU(t *testing.T) {
	t.Parallel()
	fs := fake(t, map[string]string{
		"10": "10 (postgres: a) b) S 1 10 10 0 -1 4194560 1 2 3 4 100 20 3000 400" + rest,
		"11": "11 (child) S 10 10 10 0 -1 4194560 1 2 3 4 50 5 1 1" + rest,
		"12": "12 (other) S 1 10 10 0 -1 4194560 1 2 3 4 7000 0 0 0" + rest,
		"13": "13 (torn) S 10",
	})
	if got, err := fs.FamilyCPU(10); err != nil || got != (100+20+3000+400+50+5+2)*10*time.Millisecond {
		t.Errorf("family: %v, %v", got, err)
	}
	if got, err := fs.CPU(11); err != nil || got != 550*time.Millisecond {
		t.Errorf("one: %v, %v", got, err)
	}
	if got, err := fs.Parent(11); err != nil || got != 10 {
		t.Errorf("parent: %v, %v", got, err)
	}
	for _, pid := range []int{13, 99} {
		if got, err := fs.FamilyCPU(pid); err == nil {
			t.Errorf("process %d: %v, want an error", pid, got)
		}
	}
}

// TestOwnProcess is read from the real /proc.
func TestOwnProcess(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	self := os.Getpid()
	if got, err := proc.Default.Parent(self); err != nil || got != os.Getppid() {
		t.Errorf("parent: %v, %v, want %d", got, err, os.Getppid())
	}
	before, err := proc.Default.CPU(self)
	if err != nil {
		t.Fatal(err)
	}
	for text := ""; ; text += strconv.Itoa(len(text)) { // works until it is seen
		if after, err := proc.Default.CPU(self); err != nil || after > before {
			break
		}
		if len(text) > 1<<16 {
			text = ""
		}
	}
	if got, err := proc.Default.PeakMemory(self); err != nil || got < 1<<20 || got > 1<<36 {
		t.Errorf("memory: %v, %v", got, err)
	}
}
