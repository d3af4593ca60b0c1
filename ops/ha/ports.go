package main

import (
	"fmt"
	"net"
)

const (
	nodeCount     = 3
	instanceCount = 3
)

// Ports are where the parts of the cluster listen, all on 127.0.0.1.
type Ports struct {
	Front, Leader, Replicas, Bouncer int
	EtcdClient, EtcdPeer             int
	Instances                        [instanceCount]int
	Postgres, REST                   [nodeCount]int
	base, next                       int
}

// portsFrom gives out consecutive ports.
func portsFrom(base int) Ports {
	p := Ports{base: base, next: base}
	for _, port := range p.all() {
		*port = p.next
		p.next++
	}
	return p
}

func (p *Ports) all() []*int {
	all := []*int{&p.Front, &p.Leader, &p.Replicas, &p.Bouncer, &p.EtcdClient, &p.EtcdPeer}
	for i := range p.Instances {
		all = append(all, &p.Instances[i])
	}
	for i := range p.Postgres {
		all = append(all, &p.Postgres[i], &p.REST[i])
	}
	return all
}

// free reports the first port that somebody else has: Patroni and etcd would only say so in the midst of their logs.
func (p *Ports) free() error {
	for _, port := range p.all() {
		listener, err := net.Listen("tcp", local(*port))
		if err != nil {
			return fmt.Errorf("port %d is in use: end what listens there, or choose %d others: make ha ARGS='-port 21000'", *port, len(p.all()))
		}
		listener.Close()
	}
	return nil
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
