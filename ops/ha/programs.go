package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Programs are the paths of what the cluster is made of.
type Programs struct {
	Etcd, Patroni, HAProxy, PgBouncer string
	Postgres                          string // the folder of initdb, postgres and pg_rewind
	Service                           string
}

// findPrograms looks in $PATH and where Debian puts them: folders that are root's are often in nobody else's $PATH.
func findPrograms(service string) (Programs, error) {
	folders := append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin")
	return findIn(service, folders, "/usr/lib/postgresql/*/bin/pg_rewind")
}

// findIn returns an error that is the one line that brings what is missing.
func findIn(service string, folders []string, rewind string) (Programs, error) {
	p := Programs{Service: service}
	var missing []string
	for _, wanted := range []struct {
		path         *string
		name, debian string
	}{
		{&p.Etcd, "etcd", "etcd-server"},
		{&p.Patroni, "patroni", "patroni"},
		{&p.HAProxy, "haproxy", "haproxy"},
		{&p.PgBouncer, "pgbouncer", "pgbouncer"},
	} {
		if *wanted.path = find(wanted.name, folders); *wanted.path == "" {
			missing = append(missing, wanted.debian)
		}
	}
	if p.Postgres = findPostgres(folders, rewind); p.Postgres == "" {
		missing = append(missing, "postgresql")
	}
	if len(missing) > 0 {
		return p, fmt.Errorf("not installed: %s; on Debian: apt-get install --no-install-recommends %[1]s", strings.Join(missing, " "))
	}
	return p, nil
}

func find(name string, folders []string) string {
	for _, folder := range folders {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path
		}
	}
	return ""
}

// findPostgres returns the newest of Debian's folders, or else the one in $PATH that also has pg_rewind.
func findPostgres(folders []string, rewind string) string {
	if found, _ := filepath.Glob(rewind); len(found) > 0 { // the pattern is fixed
		slices.Sort(found)
		return filepath.Dir(found[len(found)-1])
	}
	if path := find("pg_rewind", folders); path != "" {
		return filepath.Dir(path)
	}
	return ""
}
