package contest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Sample is what the service holds at one moment.
type Sample struct {
	At                                     time.Duration // since the start of the soak
	Memory, Goroutines, Files, Connections float64       // Memory in bytes; the connections are PostgreSQL's
}

func (c *contest) sample(ctx context.Context, r *running) (s Sample, err error) {
	text, err := read(ctx, "http://"+c.programs.Admin+"/metrics")
	if err != nil {
		return s, err
	}
	for name, figure := range map[string]*float64{
		"process_resident_memory_bytes": &s.Memory, "go_goroutines": &s.Goroutines, "process_open_fds": &s.Files,
	} {
		if *figure, err = metric(string(text), name); err != nil {
			return s, err
		}
	}
	err = c.server.conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = $1", "bench_"+serviceID).Scan(&s.Connections)
	return s, err
}

// metric finds a figure without labels in Prometheus' text.
func metric(text, name string) (float64, error) {
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("no %s in /metrics", name)
}
