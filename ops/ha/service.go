package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"time"
)

// migrate is the step of a release that goes before its instances: AUTO_MIGRATE is off in production.
func (c *Cluster) migrate(ctx context.Context) error {
	migrate, err := c.launch("migrate", c.settings(nil), c.path("api"), "migrate")
	if err != nil {
		return err
	}
	select {
	case <-migrate.Done():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if code := migrate.ExitCode(); code != 0 {
		return fmt.Errorf("api migrate ended with status %d: %s", code, migrate.lastLine())
	}
	return nil
}

func (c *Cluster) startInstances(ctx context.Context) error {
	for _, i := range c.instances {
		if err := c.startInstance(i, nil); err != nil {
			return err
		}
	}
	return c.awaitInstances(ctx)
}

// awaitInstances returns when each instance is ready, and HAProxy knows it.
func (c *Cluster) awaitInstances(ctx context.Context) error {
	for _, i := range c.instances {
		if err := i.awaitReady(ctx, c.opts.Limit); err != nil {
			return err
		}
	}
	return c.haproxy.await(ctx, "passing on to the service", c.opts.Limit, func() error {
		return ask(ctx, "http://"+local(c.opts.Ports.Front)+"/health/ready")
	})
}

func (i *instance) awaitReady(ctx context.Context, limit time.Duration) error {
	return i.await(ctx, "ready", limit, func() error { return ask(ctx, "http://"+i.Address+"/health/ready") })
}

// startInstance starts one with production's settings, and others on top.
func (c *Cluster) startInstance(i *instance, more map[string]string) (err error) {
	_, port, _ := net.SplitHostPort(i.Address)
	env := map[string]string{"HOST": "127.0.0.1", "PORT": port}
	maps.Copy(env, more)
	if env["DATABASE_URL"] == "" {
		env["DATABASE_URL"] = c.appURL(local(c.opts.Ports.Leader))
	}
	env["DATABASE_URL"] += "&application_name=" + i.Name // by which pg_stat_activity tells the instances apart
	i.part, err = c.launch(i.Name, c.settings(env), c.path("api"), "serve")
	return err
}

// settings are the environment of every instance. DB_CONNECT_TIMEOUT bounds the wait on a line that a failover has
// left dead.
func (c *Cluster) settings(more map[string]string) (env []string) {
	all := map[string]string{
		"DATABASE_URL":       c.appURL(local(c.opts.Ports.Leader)),
		"ENVIRONMENT":        "production",
		"DB_INSTANCES":       fmt.Sprint(instanceCount),
		"DB_POOL_SIZE":       "5",
		"DB_MAX_OVERFLOW":    "5",
		"DB_CONNECT_TIMEOUT": "2",
		"API_KEYS":           "",
	}
	maps.Copy(all, more)
	for name, value := range all {
		env = append(env, name+"="+value)
	}
	return env
}
