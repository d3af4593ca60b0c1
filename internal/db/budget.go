package db

import (
	"context"
	"fmt"
)

// Budget compares what all instances' pools may open with what the server
// grants to ordinary roles.
type Budget struct {
	Wanted  int // (PoolSize + MaxOverflow) × instances
	Allowed int // max_connections less the reserved ones
}

// Exceeded reports that the pools may ask for more than the server grants.
func (b Budget) Exceeded() bool { return b.Wanted > b.Allowed }

// Error is the sentence for the log, with what to change.
func (b Budget) Error() string {
	return fmt.Sprintf("connection budget exceeded: the pools may open %d connections, the server allows %d: "+
		"lower DB_POOL_SIZE, DB_MAX_OVERFLOW or DB_INSTANCES, or raise max_connections", b.Wanted, b.Allowed)
}

// Budget asks the server for its limits. Behind PgBouncer these are not the
// pool's to count: there it returns a budget that is never exceeded.
func (d *DB) Budget(ctx context.Context, instances int) (Budget, error) {
	b := Budget{Wanted: d.opts.maxConns() * instances}
	if d.opts.PgBouncer {
		b.Allowed = b.Wanted
		return b, nil
	}
	const query = `SELECT sum(CASE name WHEN 'max_connections' THEN setting::int ELSE -setting::int END)::int
		FROM pg_settings WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')`
	if err := d.pool.QueryRow(ctx, query).Scan(&b.Allowed); err != nil {
		return b, fmt.Errorf("read the server's connection limit: %w", d.orClosed(err))
	}
	return b, nil
}
