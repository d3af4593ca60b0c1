package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// probes ask one thing of one part; what takes longer is no answer.
var probes = &http.Client{Timeout: 2 * time.Second}

// ask expects 200.
func ask(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := probes.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %d", url, resp.StatusCode)
	}
	return nil
}

func (c *Cluster) startEtcd(ctx context.Context) (err error) {
	client, peer := "http://"+local(c.opts.Ports.EtcdClient), "http://"+local(c.opts.Ports.EtcdPeer)
	c.etcd, err = c.launch("etcd", nil, c.opts.Programs.Etcd, "--name", "etcd1", "--data-dir", c.path("etcd", "data"),
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "etcd1="+peer)
	if err != nil {
		return err
	}
	// Its health needs a leader among the etcd servers, thus a quorum.
	return c.etcd.await(ctx, "healthy (a quorum of its servers)", c.opts.Limit, func() error { return ask(ctx, client+"/health") })
}

// startNodes has the first node make the cluster, so that it is the first leader, and the others copy it.
func (c *Cluster) startNodes(ctx context.Context) error {
	for i, n := range c.nodes {
		if err := c.startNode(n); err != nil {
			return err
		}
		if i == 0 {
			if err := n.await(ctx, "leader", c.opts.Limit, func() error { return ask(ctx, n.url("/primary")) }); err != nil {
				return err
			}
		}
	}
	for _, n := range c.nodes {
		if err := n.await(ctx, "running", c.opts.Limit, func() error { return ask(ctx, n.url("/health")) }); err != nil {
			return err
		}
	}
	return c.nodes[0].await(ctx, "sure of two standbys, one of them synchronous", c.opts.Limit, func() error { return c.whole(ctx) })
}

// startNode also brings one back that was killed.
func (c *Cluster) startNode(n *node) (err error) {
	if err := c.owner.mkdir(n.Dir); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	config := n.Dir + "/patroni.yml"
	err = c.write(config, "patroni.yml", struct {
		*node
		Proxies       bool
		TTL           int
		Bin, Password string
	}{n, n.Etcd != local(c.opts.Ports.EtcdClient), c.opts.TTL, c.opts.Programs.Postgres, c.password})
	if err != nil {
		return err
	}
	n.part, err = c.launch(n.Name, nil, c.opts.Programs.Patroni, config)
	return err
}

func (n *node) url(path string) string { return "http://" + n.RESTListen + path }

// makeDatabase does once what an administrator does once.
func (c *Cluster) makeDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.adminURL(c.nodes[0], "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range []string{
		"CREATE ROLE app LOGIN PASSWORD '" + c.password + "'",
		// Behind PgBouncer the service does not send its time-outs.
		"ALTER ROLE app SET statement_timeout = '30s'",
		"ALTER ROLE app SET idle_in_transaction_session_timeout = '60s'",
		"CREATE DATABASE app OWNER app",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) adminURL(n *node, database string) string {
	return fmt.Sprintf("postgres://postgres:%s@%s/%s?sslmode=disable&connect_timeout=2", c.password, n.PostgresListen, database)
}

// appURL is a DATABASE_URL for the addresses, separated by commas.
func (c *Cluster) appURL(addresses string) string {
	return fmt.Sprintf("postgres://app:%s@%s/app?sslmode=disable", c.password, addresses)
}

func (c *Cluster) startHAProxy(ctx context.Context) (err error) {
	config := c.path("haproxy.cfg")
	if err := c.write(config, "haproxy.cfg", struct {
		Ports
		Nodes     []*node
		Instances []*instance
	}{c.opts.Ports, c.nodes[:], c.instances[:]}); err != nil {
		return err
	}
	if c.haproxy, err = c.launch("haproxy", nil, c.opts.Programs.HAProxy, "-db", "-f", config); err != nil {
		return err
	}
	return c.haproxy.await(ctx, "passing on to the leader alone", c.opts.Limit, func() error { return c.leaderPort(ctx) })
}

// leaderPort takes the servers in turn: to HAProxy all of them are up until it has asked each for the first time.
func (c *Cluster) leaderPort(ctx context.Context) error {
	for range nodeCount {
		if err := connects(ctx, c.appURL(local(c.opts.Ports.Leader))+"&target_session_attrs=read-write"); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) startBouncer(ctx context.Context) (err error) {
	config := c.path("pgbouncer.ini")
	if err := c.writeText(c.path("userlist.txt"), strconv.Quote("app")+" "+strconv.Quote(c.password)+"\n"); err != nil {
		return err
	}
	if err := c.write(config, "pgbouncer.ini", struct {
		Ports
		Dir      string
		PoolSize int
	}{c.opts.Ports, c.dir, c.opts.PoolSize}); err != nil {
		return err
	}
	if c.bouncer, err = c.launch("pgbouncer", nil, c.opts.Programs.PgBouncer, config); err != nil {
		return err
	}
	return c.bouncer.await(ctx, "passing on to the leader", c.opts.Limit, func() error {
		return connects(ctx, c.appURL(local(c.opts.Ports.Bouncer)))
	})
}

func connects(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// member is what Patroni says of a node.
type member struct {
	Name, Role, State string
}

// members asks the nodes in turn, since some may be down or cut off.
func (c *Cluster) members(ctx context.Context) ([]member, error) {
	var last error
	for _, n := range c.nodes {
		list, err := n.members(ctx)
		if err == nil {
			return list, nil
		}
		last = err
	}
	return nil, last
}

func (n *node) members(ctx context.Context) ([]member, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url("/cluster"), nil)
	if err != nil {
		return nil, err
	}
	resp, err := probes.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct{ Members []member }
	return answer.Members, json.NewDecoder(resp.Body).Decode(&answer)
}

// whole is nil if there are a leader, a synchronous standby, and another one that follows.
func (c *Cluster) whole(ctx context.Context) error {
	list, err := c.members(ctx)
	if err != nil {
		return err
	}
	roles := map[string]int{}
	for _, m := range list {
		if m.State == "running" || m.State == "streaming" {
			roles[m.Role]++
		}
	}
	if roles["leader"] != 1 || roles["sync_standby"] != 1 || roles["replica"] != nodeCount-2 {
		return fmt.Errorf("the members are %v", list)
	}
	return nil
}
