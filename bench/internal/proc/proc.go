// Package proc reads from Linux's /proc what processes have used.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the processor times in /proc: USER_HZ, which is 100 on
// every architecture that Go supports.
const tick = 10 * time.Millisecond

// FS is a /proc.
type FS string

// Default is this machine's.
const Default FS = "/proc"

// stat is what is read of /proc/PID/stat.
type stat struct {
	parent int
	own    time.Duration // user and system
	reaped time.Duration // the same, of the children that have ended
}

func (f FS) stat(pid int) (s stat, err error) {
	text, err := os.ReadFile(filepath.Join(string(f), strconv.Itoa(pid), "stat"))
	if err != nil {
		return s, err
	}
	// The name in parentheses may hold anything, parentheses and spaces too.
	_, rest, _ := strings.Cut(string(text[bytes.LastIndexByte(text, ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return s, fmt.Errorf("stat of process %d: too short: %q", pid, text)
	}
	numbers := make([]int64, len(fields))
	for i, field := range fields[1:15] { // after the state
		if numbers[i+1], err = strconv.ParseInt(field, 10, 64); err != nil {
			return s, fmt.Errorf("stat of process %d: %w", pid, err)
		}
	}
	s.parent = int(numbers[1])
	s.own = time.Duration(numbers[11]+numbers[12]) * tick
	s.reaped = time.Duration(numbers[13]+numbers[14]) * tick
	return s, nil
}

// CPU is the time that a process has had so far, in user and system mode.
func (f FS) CPU(pid int) (time.Duration, error) {
	s, err := f.stat(pid)
	return s.own, err
}

// Parent is a process's parent.
func (f FS) Parent(pid int) (int, error) {
	s, err := f.stat(pid)
	return s.parent, err
}

// FamilyCPU is the time of a process and of its children, those that have ended
// included: PostgreSQL has a process for each connection.
func (f FS) FamilyCPU(pid int) (time.Duration, error) {
	s, err := f.stat(pid)
	if err != nil {
		return 0, err
	}
	total := s.own + s.reaped
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		child, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // no process
		}
		if s, err := f.stat(child); err == nil && s.parent == pid { // it may end meanwhile
			total += s.own + s.reaped
		}
	}
	return total, nil
}

// PeakMemory is the most memory that a process has had resident, in bytes.
func (f FS) PeakMemory(pid int) (int64, error) {
	text, err := os.ReadFile(filepath.Join(string(f), strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("status of process %d: no VmHWM", pid)
}
