//go:build ha

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What goes wrong at the start ends it with one clear line, and leaves neither a process nor a file.
func TestHABadStart(t *testing.T) {
	for _, test := range []struct {
		name    string
		program string // replaced by the script
		script  string
		want    string
	}{
		{"no quorum", "etcd", `exec "$REAL" "$@" --initial-cluster "etcd1=$PEER,etcd2=http://127.0.0.1:9"`, "etcd is not healthy (a quorum of its servers) after 3s"},
		{"etcd ends", "etcd", "echo no room for data; exit 7", "etcd ended with status 7 before it was healthy (a quorum of its servers); its log ends with: no room for data"},
		{"a node never starts", "patroni", "exec sleep 600", "pg1 is not leader after 3s"},
		{"a node ends", "patroni", "echo no such user; exit 1", "pg1 ended with status 1 before it was leader; its log ends with: no such user"},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := openFolder(t)
			t.Setenv("TMPDIR", folder)
			ports := freePorts(t)
			real, err := findPrograms("../../bin/api")
			if err != nil {
				t.Fatal(err)
			}
			t.Setenv("REAL", real.Etcd)
			t.Setenv("PEER", "http://"+local(ports.EtcdPeer))
			bin := openFolder(t)
			if err := os.WriteFile(filepath.Join(bin, test.program), []byte("#!/bin/sh\n"+test.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			failsWith(t, folder, ports, test.want)
		})
	}
}

func TestHAPortInUse(t *testing.T) {
	folder := openFolder(t)
	t.Setenv("TMPDIR", folder)
	ports := freePorts(t)
	listener, err := net.Listen("tcp", local(ports.REST[1]))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	failsWith(t, folder, ports, fmt.Sprintf("port %d is in use", ports.REST[1]))
}

// Whoever stops it while it starts gets no error, and nothing stays behind.
func TestHAStoppedAtStart(t *testing.T) {
	folder := openFolder(t)
	t.Setenv("TMPDIR", folder)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err := run(ctx, []string{"-service", "../../bin/api", "-port", fmt.Sprint(freePorts(t).base)}, strings.NewReader(""), t.Output())
	if err != nil && ctx.Err() == nil {
		t.Error(err)
	}
	nothingLeft(t, folder)
}

func failsWith(t *testing.T, folder string, ports Ports, want string) {
	t.Helper()
	args := []string{"-service", "../../bin/api", "-port", fmt.Sprint(ports.base), "-limit", "3s"}
	err := run(t.Context(), args, strings.NewReader(""), t.Output())
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v; want one line with %q", err, want)
	}
	nothingLeft(t, folder)
}

func nothingLeft(t *testing.T, folder string) {
	t.Helper()
	if killed := killOnce(folder); len(killed) > 0 {
		t.Errorf("left running: %v", killed)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// openFolder is one that an unprivileged user reaches, too.
func openFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "ha-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}
