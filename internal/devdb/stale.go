//go:build unix

package devdb

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// endOld sees to it that no server of an earlier start is at work on the data. Its starter is gone, since this one
// holds the lock: so it is about to end, or, if it was left over for any reason, is told to.
func endOld(data string, sig syscall.Signal) {
	pid := oldPID(data)
	patience := time.Now().Add(10 * time.Second)
	for pid > 0 && isPostmaster(pid, data) {
		if time.Now().After(patience) {
			sig = syscall.SIGKILL
		}
		_ = syscall.Kill(pid, sig)
		time.Sleep(5 * time.Millisecond)
	}
	disown(data)
}

// oldPID reads the process number in postmaster.pid; 0 is none.
func oldPID(data string) int {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return 0
	}
	return pid
}

// disown replaces the number in a stale postmaster.pid by one that no process has. In a container that was started
// again the old number often belongs to somebody else, and PostgreSQL would not start. The rest of the file stays:
// by it PostgreSQL notices backends that outlived their postmaster, and does not let two of them write.
func disown(data string) {
	name := filepath.Join(data, "postmaster.pid")
	text, err := os.ReadFile(name)
	if err != nil {
		return
	}
	_, rest, ok := strings.Cut(string(text), "\n")
	if !ok {
		_ = os.Remove(name) // cut short by a crash: nothing to learn from it, and PostgreSQL refuses it
		return
	}
	_ = os.WriteFile(name, []byte("2147483647\n"+rest), 0o600) // keeps the owner: it writes into the file in place
}
