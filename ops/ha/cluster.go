package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"text/template"
	"time"
)

//go:embed *.tmpl
var files embed.FS

var templates = template.Must(template.ParseFS(files, "*.tmpl"))

// Options are what a demonstration and a test set differently.
type Options struct {
	Programs Programs
	Ports    Ports
	TTL      int           // seconds after which a dead leader is replaced
	PoolSize int           // PgBouncer's connections to PostgreSQL
	Limit    time.Duration // for each part to start
	Progress io.Writer
}

// Cluster is etcd, three PostgreSQL nodes under Patroni, HAProxy, PgBouncer and three instances of the service.
type Cluster struct {
	opts      Options
	owner     owner
	dir       string
	password  string
	etcd      *part
	haproxy   *part
	bouncer   *part
	mu        sync.Mutex
	parts     []*part // all that were started
	nodes     [nodeCount]*node
	instances [instanceCount]*instance
}

// node is one PostgreSQL with its Patroni. The addresses are those that others use; a test puts itself in between.
type node struct {
	Name, Dir                  string
	Postgres, PostgresListen   string
	REST, RESTListen, RESTPort string
	Etcd                       string
	*part
}

// instance is one process of the service.
type instance struct {
	Name, Address string
	*part
}

// NewCluster makes the folder of a cluster, of which nothing runs yet. Stop removes it.
func NewCluster(opts Options) (*Cluster, error) {
	owner, err := findOwner()
	if err != nil {
		return nil, err
	}
	parent, err := os.MkdirTemp("", "ha-")
	if err != nil {
		return nil, err
	}
	if parent, err = filepath.EvalSymlinks(parent); err != nil { // killIn compares it with what the kernel says
		return nil, err
	}
	c := &Cluster{opts: opts, owner: owner, dir: parent, password: rand.Text()}
	if err := c.own(); err != nil {
		return nil, err
	}
	for i := range c.nodes {
		name := fmt.Sprintf("pg%d", i+1)
		postgres, rest := opts.Ports.Postgres[i], opts.Ports.REST[i]
		c.nodes[i] = &node{
			Name: name, Dir: c.path(name),
			Postgres: local(postgres), PostgresListen: local(postgres),
			REST: local(rest), RESTListen: local(rest), RESTPort: fmt.Sprint(rest),
			Etcd: local(opts.Ports.EtcdClient),
		}
	}
	for i := range c.instances {
		c.instances[i] = &instance{Name: fmt.Sprintf("api%d", i+1), Address: local(opts.Ports.Instances[i])}
	}
	return c, nil
}

// own gives the folder, and a copy of the service in it, to the unprivileged user.
func (c *Cluster) own() error {
	if err := c.owner.give(c.dir); err != nil {
		return err
	}
	api, err := os.ReadFile(c.opts.Programs.Service)
	if err != nil {
		return fmt.Errorf("read the service, which make builds: %w", err)
	}
	if err := os.WriteFile(c.path("api"), api, 0o755); err != nil {
		return err
	}
	return c.owner.give(c.path("api"))
}

func (c *Cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

// Start brings up everything, in the order in which one part needs the other.
func (c *Cluster) Start(ctx context.Context) error {
	if err := c.opts.Ports.free(); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"etcd", c.startEtcd},
		{"PostgreSQL under Patroni: a leader and two standbys", c.startNodes},
		{"role, database", c.makeDatabase},
		{"HAProxy", c.startHAProxy},
		{"PgBouncer", c.startBouncer},
		{"migrations", c.migrate},
		{"three instances of the service", c.startInstances},
	} {
		fmt.Fprintf(c.opts.Progress, "starting: %s\n", step.name)
		if err := step.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop leaves no process and no file.
func (c *Cluster) Stop() {
	killIn(c.dir)
	for _, p := range c.parts {
		<-p.Done()
	}
	_ = os.RemoveAll(c.dir)
}

// write fills in a configuration and puts it beside what it is for. Only its owner reads the passwords in it.
func (c *Cluster) write(path, name string, data any) error {
	var text bytes.Buffer
	if err := templates.ExecuteTemplate(&text, name+".tmpl", data); err != nil {
		return err
	}
	return c.writeText(path, text.String())
}

func (c *Cluster) writeText(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return c.owner.give(path)
}
