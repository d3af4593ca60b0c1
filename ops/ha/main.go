// Command ha runs the service as it runs in production beyond one machine, on this one: three PostgreSQL nodes under
// Patroni with synchronous replication, etcd, HAProxy, PgBouncer and three instances, under load. It shows what the
// clients see while the leader is killed or changes. Nothing of it is linked into the service.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil && ctx.Err() == nil:
		fmt.Fprintln(os.Stderr, "ha:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("ha", flag.ContinueOnError)
	base := flags.Int("port", 20800, "the first of the ports to listen on")
	ttl := flags.Int("ttl", 10, "seconds after which a dead leader is replaced")
	clients := flags.Int("clients", 30, "clients that write and read")
	service := flags.String("service", "bin/api", "the service's program")
	limit := flags.Duration("limit", time.Minute, "for each part to start")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp
	}
	programs, err := findPrograms(*service)
	if err != nil {
		return err
	}
	c, err := NewCluster(Options{
		Programs: programs, Ports: portsFrom(*base), TTL: *ttl, PoolSize: 5, Limit: *limit, Progress: out,
	})
	if err != nil {
		return err
	}
	defer c.Stop()
	if err := c.Start(ctx); err != nil {
		return err
	}
	front := "http://" + local(c.opts.Ports.Front)
	fmt.Fprintf(out, "the service: %s; the configuration files: %s\n", front, c.dir)
	load := startLoad(*clients, 20*time.Millisecond, func() string { return front })
	defer load.Stop()
	return show(ctx, c, load, in, out)
}
