package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

const usage = "k and Enter: kill the leader (it comes back after 15 s); s and Enter: hand over; Ctrl-C: stop"

// show writes a row a second until the context ends, and does what the user asks for.
func show(ctx context.Context, c *Cluster, load *Load, in io.Reader, out io.Writer) error {
	fmt.Fprintln(out, usage)
	fmt.Fprintf(out, "%8s  %-6s  %-12s  %9s  %7s  %7s  %7s  %8s  %10s\n",
		"time", "leader", "synchronous", "requests", "per s", "503", "504", "other", "longest gap")
	keys := lines(in)
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for before := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-c.etcd.Done():
			return fmt.Errorf("etcd ended with status %d: %s", c.etcd.ExitCode(), c.etcd.lastLine())
		case key := <-keys:
			if err := c.obey(ctx, key, out); err != nil {
				fmt.Fprintln(out, err)
			}
		case now := <-ticks.C:
			t := load.Tally()
			fmt.Fprintln(out, c.row(ctx, now, t, t.Requests-before))
			before = t.Requests
		}
	}
}

func (c *Cluster) row(ctx context.Context, now time.Time, t Tally, rate int) string {
	leader, standby := "-", "-"
	if n, err := c.leader(ctx); err == nil { // members would name a dead one until its time is up
		leader = n.Name
	}
	list, _ := c.members(ctx)
	for _, m := range list {
		if m.Role == "sync_standby" {
			standby = m.Name
		}
	}
	gap := max(t.Longest, now.Sub(t.LastOK)).Round(10 * time.Millisecond)
	return fmt.Sprintf("%8s  %-6s  %-12s  %9d  %7d  %7d  %7d  %8d  %10s",
		now.Format(time.TimeOnly), leader, standby, t.Requests, rate, t.Statuses[503], t.Statuses[504], t.Others(), gap)
}

// lines reads until the end of the input, or of the program.
func lines(in io.Reader) <-chan string {
	keys := make(chan string)
	go func() {
		for s := bufio.NewScanner(in); s.Scan(); {
			keys <- strings.TrimSpace(s.Text())
		}
	}()
	return keys
}

func (c *Cluster) obey(ctx context.Context, key string, out io.Writer) error {
	if key != "k" && key != "s" {
		fmt.Fprintln(out, usage)
		return nil
	}
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	if key == "s" {
		fmt.Fprintf(out, "handing over from %s\n", leader.Name)
		go func() { // the rows go on meanwhile, and show when it is done
			if err := c.switchover(ctx, leader); err != nil && ctx.Err() == nil {
				fmt.Fprintln(out, err)
			}
		}()
		return nil
	}
	fmt.Fprintf(out, "killing %s\n", leader.Name)
	c.kill(leader)
	time.AfterFunc(15*time.Second, func() {
		if ctx.Err() == nil {
			fmt.Fprintf(out, "starting %s again\n", leader.Name)
			if err := c.startNode(leader); err != nil {
				fmt.Fprintln(out, err)
			}
		}
	})
	return nil
}
