//go:build unix

package devdb

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// throwawaySettings give up what outlives the machine, and leave room for many test packages at a time. Commits stay
// synchronous: without fsync that costs nothing, and tests that kill the server find their rows again.
var throwawaySettings = map[string]string{
	"fsync":            "off",
	"full_page_writes": "off",
	"max_connections":  "300",
	"max_wal_size":     "256MB", // the data may lie in memory
	// Files of the data folder instead of the system's shared memory, where those of a killed server would stay.
	"dynamic_shared_memory_type": "mmap",
}

// throwawayBase is where throw-away servers live: in memory, if there is room.
func throwawayBase() (string, error) {
	const write = 2
	base, ok := memoryFolder()
	if !ok || syscall.Access(base, write) != nil {
		base = os.TempDir()
	}
	return filepath.EvalSymlinks(base) // see makeFolder
}

func throwawayName(random string) string { return fmt.Sprintf("devdb-%d-%s", os.Getuid(), random) }

// newThrowaway makes a folder under a name that sweep does not look at, and gives it its proper name once it is locked.
func newThrowaway(base string) (*folder, error) {
	path, err := os.MkdirTemp(base, "devdb-new-")
	if err != nil {
		return nil, err
	}
	f := &folder{path: path, throwaway: true}
	if err := os.Chmod(path, folderMode()); err != nil {
		return nil, err
	}
	if err := f.acquire(); err != nil {
		return nil, err
	}
	_, random, _ := strings.Cut(filepath.Base(path), "devdb-new-")
	f.path = filepath.Join(base, throwawayName(random))
	return f, os.Rename(path, f.path)
}

// sweep removes what throw-away servers left behind whose starter was killed. Nothing here is worth an error: what
// can not be removed now is tried again by the next one.
func sweep(base string) {
	paths, _ := filepath.Glob(filepath.Join(base, throwawayName("*")))
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
			continue // other users may put such names there, too
		}
		f := &folder{path: path, throwaway: true}
		if held, err := f.tryLock(); err != nil || !held {
			continue
		}
		endOld(f.data(), syscall.SIGQUIT)
		_ = f.release()
	}
}
