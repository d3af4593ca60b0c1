//go:build ha

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// restartInstances starts all of them with other settings, at a moment without load.
func (r *rig) restartInstances(env map[string]string) {
	r.t.Helper()
	for _, i := range r.instances {
		killIn(r.path(i.Name))
		<-i.Done()
		if err := r.startInstance(i, env); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := r.awaitInstances(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// rollingRestart stops each instance as a new version's release does, while the others serve: no client notices.
func (r *rig) rollingRestart() {
	load := startLoad(30, 30*time.Millisecond, r.front)
	r.eventually("under load", func() (bool, error) { return load.Tally().OK() > 1000, nil })
	for _, i := range r.instances {
		i.Signal(syscall.SIGTERM)
		if code := i.ExitCode(); code != 0 {
			r.t.Errorf("%s ended with status %d: %s", i.Name, code, i.lastLine())
		}
		if err := r.startInstance(i, nil); err != nil {
			r.t.Fatal(err)
		}
		if err := i.awaitReady(r.t.Context(), patience); err != nil {
			r.t.Fatal(err)
		}
		r.eventually("balanced again", func() (bool, error) { // HAProxy sends it requests
			return strings.Contains(i.text(), `"path":"/items"`), nil
		})
	}
	tally := load.Stop()
	r.t.Logf("%-20s %s", "rolling restart", tally)
	r.judge("rolling restart", tally)
	if tally.OK() != tally.Requests {
		r.t.Errorf("rolling restart: %v", tally.Statuses)
	}
}

// text is what a process wrote since the last start of its name.
func (i *instance) text() string {
	text, err := os.ReadFile(i.log)
	if err != nil {
		return ""
	}
	parts := strings.Split(string(text), `"msg":"starting"`)
	return parts[len(parts)-1]
}

// fiveAtOnce: instances that start together on an empty database migrate it once.
func (r *rig) fiveAtOnce() {
	ctx := r.t.Context()
	conn, err := pgx.Connect(ctx, r.adminURL(r.mustLeader(), "postgres"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "CREATE DATABASE fresh OWNER app"); err != nil {
		r.t.Fatal(err)
	}
	var started sync.WaitGroup
	parts := make([]*part, 5)
	ports := freePorts(r.t)
	for n := range parts {
		name := fmt.Sprintf("fresh%d", n+1)
		env := r.settings(map[string]string{
			"DATABASE_URL": strings.Replace(r.appURL(local(r.opts.Ports.Leader)), "/app?", "/fresh?", 1),
			"AUTO_MIGRATE": "true", "DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "1", "DB_INSTANCES": "5",
			"HOST": "127.0.0.1", "PORT": fmt.Sprint(ports.base + n),
		})
		started.Go(func() {
			p, err := r.launch(name, env, r.path("api"), "serve")
			if err != nil {
				r.t.Error(err)
				return
			}
			parts[n] = p
			i := &instance{Name: name, Address: local(ports.base + n), part: p}
			if err := i.awaitReady(ctx, patience); err != nil {
				r.t.Error(err)
			}
		})
	}
	started.Wait()
	if r.t.Failed() {
		return
	}
	migrated := 0
	for _, p := range parts {
		migrated += strings.Count((&instance{part: p}).text(), `"msg":"migrated"`)
		p.Signal(syscall.SIGKILL)
		<-p.Done()
	}
	if migrations := r.migrations(); migrated != migrations || migrated == 0 {
		r.t.Errorf("%d migrations were applied by five instances, want %d", migrated, migrations)
	}
}

// reading: an instance whose URL leads to the standbys is ready and reads; what writes gets 503, and it lives on.
func (r *rig) reading() {
	i := &instance{Name: "reader", Address: local(freePorts(r.t).base)}
	url := r.appURL(local(r.opts.Ports.Replicas))
	if err := r.startInstance(i, map[string]string{"DATABASE_URL": url}); err != nil {
		r.t.Fatal(err)
	}
	if err := i.awaitReady(r.t.Context(), patience); err != nil {
		r.t.Fatal(err)
	}
	load := &Load{url: func() string { return "http://" + i.Address }, client: http.DefaultClient}
	load.tally = Tally{Statuses: map[int]int{}, Failures: map[string]int{}}
	body := fmt.Sprintf(loadBody, "to a replica")
	for range 20 {
		if status, answer := load.do(http.MethodGet, loadPath, "", ""); status != http.StatusOK {
			r.t.Errorf("GET: %d %s", status, answer)
		}
		if status, answer := load.do(http.MethodPost, loadPath, body, ""); status != http.StatusServiceUnavailable {
			r.t.Errorf("POST: %d %s", status, answer)
		}
	}
	i.Signal(syscall.SIGTERM)
	if code := i.ExitCode(); code != 0 {
		r.t.Errorf("it ended with status %d: %s", code, i.lastLine())
	}
}

// migrations is how many there are: the cluster's own database has them all.
func (r *rig) migrations() (n int) {
	r.t.Helper()
	if err := r.onNode(r.mustLeader(), &n, "SELECT count(*) FROM goose_db_version WHERE version_id > 0"); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// pgbouncer has 50 clients over three instances share five connections to PostgreSQL.
func (r *rig) pgbouncer() {
	r.restartInstances(map[string]string{"DATABASE_URL": r.appURL(local(r.opts.Ports.Bouncer)), "DB_PGBOUNCER": "true"})
	load := startLoad(50, 20*time.Millisecond, r.front)
	most := 0
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		var open int
		if err := r.onNode(r.mustLeader(), &open, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'"); err != nil {
			r.t.Fatal(err)
		}
		most = max(most, open)
	}
	tally := load.Stop()
	r.t.Logf("%-20s %s; at most %d connections to PostgreSQL", "PgBouncer", tally, most)
	r.judge("PgBouncer", tally)
	if tally.OK() != tally.Requests || most > r.opts.PoolSize {
		r.t.Errorf("PgBouncer: %v, %d connections to PostgreSQL", tally.Statuses, most)
	}
	r.behindBouncer()
}

// behindBouncer: no session has left a statement with a name on a connection that it shares, and the role's time-outs hold.
func (r *rig) behindBouncer() {
	r.t.Helper()
	config, err := pgx.ParseConfig(r.appURL(local(r.opts.Ports.Bouncer)))
	if err != nil {
		r.t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	for range 2 * r.opts.PoolSize {
		conn, err := pgx.ConnectConfig(r.t.Context(), config)
		if err != nil {
			r.t.Fatal(err)
		}
		var named int
		var timeout string
		err = conn.QueryRow(r.t.Context(), "SELECT count(*), current_setting('statement_timeout') FROM pg_prepared_statements WHERE name <> ''").Scan(&named, &timeout)
		if err != nil || named != 0 || timeout != "30s" {
			r.t.Errorf("%d named statements, statement_timeout %s, %v", named, timeout, err)
		}
		conn.Close(r.t.Context())
	}
}
