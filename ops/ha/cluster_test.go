//go:build ha

package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience is for what takes as long as the machine is busy.
const patience = time.Minute

// rig is a cluster each of whose nodes can be cut off.
type rig struct {
	*Cluster
	t     *testing.T
	gates [nodeCount][]*gate
}

func newRig(t *testing.T) *rig {
	t.Helper()
	programs, err := findPrograms("../../bin/api")
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCluster(Options{
		Programs: programs, Ports: freePorts(t), TTL: 8, PoolSize: 5, Limit: patience, Progress: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Cluster: c, t: t}
	t.Cleanup(func() {
		if t.Failed() {
			r.keepLogs()
		}
		c.Stop()
		if killed := killOnce(c.dir); len(killed) > 0 {
			t.Errorf("left running: %v", killed)
		}
	})
	for i, n := range c.nodes {
		postgres, rest, etcd := newGate(t, n.Postgres), newGate(t, n.REST), newGate(t, n.Etcd)
		n.Postgres, n.REST, n.Etcd = postgres.address(), rest.address(), etcd.address()
		_, n.RESTPort, _ = net.SplitHostPort(n.REST)
		r.gates[i] = []*gate{postgres, rest, etcd}
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// freePorts looks for a range of ports below those that the system gives out.
func freePorts(t *testing.T) Ports {
	t.Helper()
	for base := 21000; base < 32000; base += 50 {
		if p := portsFrom(base); p.free() == nil {
			return p
		}
	}
	t.Fatal("no free ports")
	return Ports{}
}

// keepLogs moves what the parts wrote to where the cluster's end leaves it.
func (r *rig) keepLogs() {
	kept, err := os.MkdirTemp("", "ha-logs-")
	if err != nil {
		r.t.Log(err)
		return
	}
	logs, _ := filepath.Glob(r.path("*", "log"))
	for _, log := range logs {
		if text, err := os.ReadFile(log); err == nil {
			_ = os.WriteFile(filepath.Join(kept, filepath.Base(filepath.Dir(log))+".log"), text, 0o644)
		}
	}
	r.t.Logf("the logs are in %s", kept)
}

func (r *rig) gatesOf(n *node) []*gate {
	for i := range r.nodes {
		if r.nodes[i] == n {
			return r.gates[i]
		}
	}
	return nil
}

func (r *rig) mustLeader() *node {
	r.t.Helper()
	n, err := r.leader(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// onNode runs one query on a node, past gates and HAProxy.
func (r *rig) onNode(n *node, dest any, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, r.adminURL(n, "app"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.QueryRow(ctx, sql, args...).Scan(dest)
}

// lost counts the acknowledged rows that are not there.
func (r *rig) lost(ids []int64) (n int) {
	r.t.Helper()
	err := r.onNode(r.mustLeader(), &n, "SELECT count(*) FROM unnest($1::bigint[]) AS acknowledged(id) WHERE id NOT IN (SELECT id FROM items)", ids)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// eventually fails if it does not become true.
func (r *rig) eventually(what string, is func() (bool, error)) {
	r.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		ok, err := is()
		if ok && err == nil {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("not %s: %v", what, err)
		}
	}
}

func (r *rig) front() string { return "http://" + local(r.opts.Ports.Front) }
