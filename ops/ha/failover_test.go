//go:build ha

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// backWithin bounds the time from a leader's promotion to the first acknowledged write: 2 s are usual, the rest is for a slow
// machine. What waits for a time-out of the service's takes longer than this.
const backWithin = 10 * time.Second

// TestHA runs everything on one cluster, one after the other, since a cluster takes long to start.
func TestHA(t *testing.T) {
	r := newRig(t)
	if r.lost([]int64{-1}) != 1 {
		t.Fatal("a row that is not there does not count as lost")
	}
	t.Run("Failover/HAProxy", func(t *testing.T) { r.at(t).failover("HAProxy") })
	t.Run("RollingRestart", func(t *testing.T) { r.at(t).rollingRestart() })
	t.Run("FiveAtOnce", func(t *testing.T) { r.at(t).fiveAtOnce() })
	t.Run("Replicas", func(t *testing.T) { r.at(t).reading() })
	t.Run("PgBouncer", func(t *testing.T) { r.at(t).pgbouncer() })
	t.Run("Failover/PgBouncer", func(t *testing.T) {
		r := r.at(t)
		r.event("PgBouncer, SIGKILL", r.kill, r.bringBack)
		r.event("PgBouncer, stalled", r.each((*gate).stall), r.each((*gate).pass))
	})
	t.Run("Failover/Hosts", func(t *testing.T) {
		r := r.at(t)
		var hosts []string
		for _, n := range r.nodes {
			hosts = append(hosts, n.Postgres)
		}
		r.restartInstances(map[string]string{"DATABASE_URL": r.appURL(strings.Join(hosts, ",")) + "&target_session_attrs=read-write"})
		r.failover("hosts")
		r.event("hosts, refused", r.each((*gate).refuse), r.each((*gate).pass))
	})
}

// at is the same cluster for a subtest.
func (r *rig) at(t *testing.T) *rig {
	part := *r
	part.t = t
	return &part
}

// failover has the leader die, hand over, and be cut off.
func (r *rig) failover(by string) {
	r.event(by+", SIGKILL", r.kill, r.bringBack)
	r.event(by+", switchover", func(n *node) {
		if err := r.switchover(r.t.Context(), n); err != nil {
			r.t.Error(err)
		}
	}, func(*node) {})
	r.event(by+", stalled", r.each((*gate).stall), r.each((*gate).pass))
}

func (r *rig) bringBack(n *node) {
	if err := r.startNode(n); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) each(do func(*gate)) func(*node) {
	return func(n *node) {
		for _, g := range r.gatesOf(n) {
			do(g)
		}
	}
}

// event does something to the leader under load, and says what the clients saw.
func (r *rig) event(name string, fault, heal func(*node)) {
	r.t.Helper()
	old := r.mustLeader()
	load := startLoad(30, 30*time.Millisecond, r.front)
	r.eventually("under load", func() (bool, error) { return load.Tally().OK() > 1000, nil })
	begun := time.Now()
	go fault(old)
	_, promoted, err := r.awaitOther(r.t.Context(), old)
	if err != nil {
		heal(old)
		r.t.Fatalf("%s: %v; %s", name, err, load.Stop())
	}
	var first time.Time
	r.eventually("writing again", func() (bool, error) {
		first = load.lastWrite()
		return first.After(promoted), nil
	})
	back := load.Tally().OK()
	r.eventually("at work again", func() (bool, error) { return load.Tally().OK() > back+1000, nil })
	heal(old)
	if err := r.awaitWhole(r.t.Context()); err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	r.noneOnStandbys()
	tally := load.Stop()
	r.t.Logf("%-20s %s; promotion after %v, first 201 %v after that; lost %d", name, tally,
		promoted.Sub(begun).Round(10*time.Millisecond), first.Sub(promoted).Round(10*time.Millisecond), r.lost(tally.Written))
	r.judge(name, tally)
	if took := first.Sub(promoted); took > backWithin {
		r.t.Errorf("%s: the first 201 came %v after the promotion", name, took)
	}
}

// judge fails on what no client may see.
func (r *rig) judge(name string, tally Tally) {
	r.t.Helper()
	if tally.Others() > 0 || len(tally.Wrong) > 0 {
		r.t.Errorf("%s: %v %v %v", name, tally.Statuses, tally.Failures, tally.Wrong)
	}
	if n := r.lost(tally.Written); n > 0 {
		r.t.Errorf("%s: %d of %d acknowledged writes are lost", name, n, len(tally.Written))
	}
	var twice int
	const sql = "SELECT count(*) - count(DISTINCT title) FROM items WHERE title <> 'under load'"
	if err := r.onNode(r.mustLeader(), &twice, sql); err != nil || twice != 0 {
		r.t.Errorf("%s: %d rows were written twice under one key; %v", name, twice, err)
	}
	for _, i := range r.instances {
		select {
		case <-i.Done():
			r.t.Errorf("%s: %s has ended: %s", name, i.Name, i.lastLine())
		default:
		}
	}
}

// noneOnStandbys: no connection of the service may stay on a server that takes no writes.
func (r *rig) noneOnStandbys() {
	r.t.Helper()
	for _, n := range r.nodes {
		r.eventually("without the service: "+n.Name, func() (bool, error) {
			var left int
			err := r.onNode(n, &left, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND pg_is_in_recovery()")
			return left == 0, err
		})
	}
}

func (t Tally) String() string {
	return fmt.Sprintf("%d requests, %d 2xx, %d 503, %d 504, %d busy keys, %d others, longest gap %v", t.Requests, t.OK(),
		t.Statuses[503], t.Statuses[504], t.Busy, t.Others(), t.Longest.Round(10*time.Millisecond))
}
