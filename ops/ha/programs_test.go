package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// What is missing is named in one line, which installs it.
func TestMissingPrograms(t *testing.T) {
	found, err := findIn("bin/api", []string{t.TempDir()}, filepath.Join(t.TempDir(), "*", "pg_rewind"))
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Fatalf("%+v, %v; want one line", found, err)
	}
	if want := "apt-get install --no-install-recommends etcd-server patroni haproxy pgbouncer postgresql"; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v; want it to end with %s", err, want)
	}
}
