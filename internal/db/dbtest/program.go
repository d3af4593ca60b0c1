package dbtest

import (
	"os"
	"os/exec"
	"testing"
)

// Program returns the path of a program that a test needs beside PostgreSQL,
// under the first of its names. Where it is not installed the test fails with
// what to install; it is skipped only where make test has said so, which it does
// outside of CI by TEST_SKIP_MISSING=1, or with -short.
func Program(t testing.TB, pkg string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if testing.Short() || os.Getenv("TEST_SKIP_MISSING") == "1" {
		t.Skipf("needs %s", names[0])
	}
	t.Fatalf("%s is not installed; on Debian: apt-get install %s", names[0], pkg)
	return ""
}
