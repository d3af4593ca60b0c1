//go:build !unix

package main

// openFilesLimit: elsewhere there is none that is worth a line.
func openFilesLimit() (limit int64, known bool) { return 0, false }
