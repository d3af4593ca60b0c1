package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

var errNoLeader = errors.New("no node leads")

// leader returns the node that holds the lock, or errNoLeader.
func (c *Cluster) leader(ctx context.Context) (*node, error) {
	for _, n := range c.nodes {
		if ask(ctx, n.url("/primary")) == nil {
			return n, nil
		}
	}
	return nil, errNoLeader
}

// kill ends a node's Patroni and PostgreSQL at once, as a power cut would.
func (c *Cluster) kill(n *node) { killIn(n.Dir) }

// switchover asks the leader to hand over to the synchronous standby. Patroni answers when it is done.
func (c *Cluster) switchover(ctx context.Context, from *node) error {
	body, err := json.Marshal(map[string]string{"leader": from.Name})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.Limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, from.url("/switchover"), bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("switchover: %d %s", resp.StatusCode, answer)
	}
	return nil
}

// awaitOther returns the next leader when it has been promoted, and when that was.
func (c *Cluster) awaitOther(ctx context.Context, old *node) (*node, time.Time, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.opts.Limit, errNoLeader)
	defer cancel()
	for {
		for _, n := range c.nodes {
			if n != old && ask(ctx, n.url("/primary")) == nil {
				return n, time.Now(), nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, time.Time{}, context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// awaitWhole waits until every node is back in its place.
func (c *Cluster) awaitWhole(ctx context.Context) error {
	return c.etcd.await(ctx, "of one mind: a leader and two standbys", c.opts.Limit, func() error { return c.whole(ctx) })
}
