//go:build unix

package main

import "syscall"

// openFilesLimit is how many files and connections this process may have open. Go
// has raised it to the hard limit when the process began.
func openFilesLimit() (limit int64, known bool) {
	var files syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
	limit = int64(files.Cur) // unlimited is negative, or close to the largest
	if limit < 0 {
		limit = 1<<63 - 1
	}
	return limit, err == nil
}
