//go:build ha

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestMeasure is where docs/scaling.md has its throughputs from: 64 clients without a pause on pools of several sizes,
// and on several ways to the leader.
func TestMeasure(t *testing.T) {
	r := newRig(t)
	var hosts []string
	for _, n := range r.nodes {
		hosts = append(hosts, n.PostgresListen)
	}
	direct := r.appURL(strings.Join(hosts, ",")) + "&target_session_attrs=read-write"
	haproxy, bouncer := r.appURL(local(r.opts.Ports.Leader)), r.appURL(local(r.opts.Ports.Bouncer))
	for range 3 {
		for _, m := range []struct {
			way, url, bouncer string
			pool              int
		}{
			{"direct", direct, "false", 1},
			{"direct", direct, "false", 2},
			{"direct", direct, "false", 5},
			{"direct", direct, "false", 10},
			{"direct", direct, "false", 20},
			{"HAProxy", haproxy, "false", 5},
			{"PgBouncer with 5, HAProxy", bouncer, "true", 5},
			{"direct, asynchronous", direct + "&synchronous_commit=local", "false", 5},
		} {
			r.restartInstances(map[string]string{
				"DATABASE_URL": m.url, "DB_PGBOUNCER": m.bouncer, "DB_POOL_SIZE": fmt.Sprint(m.pool), "DB_MAX_OVERFLOW": "0",
				"LOG_LEVEL": "warn",
			})
			t.Logf("%-26s pools %d × %-2d  %5d requests per second", m.way, instanceCount, m.pool, r.throughput())
		}
	}
}

// throughput leaves out the first second, in which connections are opened.
func (r *rig) throughput() int {
	const seconds = 6
	load := startLoad(64, 0, r.front)
	defer load.Stop()
	time.Sleep(time.Second)
	before := load.Tally().OK()
	time.Sleep(seconds * time.Second)
	return (load.Tally().OK() - before) / seconds
}
