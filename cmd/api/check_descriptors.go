package main

import (
	"fmt"

	"example.com/transcription-api/internal/db"
)

const (
	ownDescriptors = 32  // listeners, log, .env, the migrator, probes and scrapes
	fewClients     = 500 // at once are soon there: browsers and proxies keep theirs for KEEP_ALIVE_TIMEOUT
)

// checkDescriptors compares the limit of open files with what the process opens:
// each connection of the pool takes one, each of a client another. With fewer
// clients than the pool has connections, these could never all be used.
func (p *program) checkDescriptors() db.Finding {
	limit, known := openFilesLimit()
	if !known {
		return db.Finding{Name: "file_descriptors", Status: db.Sound, Detail: "this system has no such limit"}
	}
	pool, whose := int64(p.cfg.DB.PoolSize)+int64(p.cfg.DB.MaxOverflow), "the pool"
	if p.cfg.DB.Replica != nil {
		pool, whose = 2*pool, "the pools" // the replica's is of the same size
	}
	clients := max(0, limit-pool-ownDescriptors)
	finding := db.Finding{
		Name: "file_descriptors", Status: db.Sound,
		Detail: fmt.Sprintf("%d may be open: %d connections of %s and %d others leave %d for clients", limit, pool, whose, ownDescriptors, clients),
	}
	switch {
	case clients < pool:
		finding.Status, finding.Advice = db.Fail, fmt.Sprintf("raise ulimit -n (LimitNOFILE=, ulimits:) to %d or more, or make the pool smaller", pool+ownDescriptors+max(pool, fewClients))
	case clients < fewClients:
		finding.Status, finding.Advice = db.Warn, fmt.Sprintf("raise ulimit -n (LimitNOFILE=, ulimits:) to %d or more", pool+ownDescriptors+fewClients)
	}
	return finding
}
