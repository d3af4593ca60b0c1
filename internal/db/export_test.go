package db

// BridgeConnections is how many connections database/sql believes to have.
func (d *DB) BridgeConnections() int { return d.bridge.sql.Stats().OpenConnections }

// CountBridged returns how many results go through database/sql from here on.
func (d *DB) CountBridged() func() int64 {
	d.bridge.sql.SetMaxIdleConns(-1)
	before := d.bridge.sql.Stats().MaxIdleClosed
	return func() int64 { return d.bridge.sql.Stats().MaxIdleClosed - before }
}

// PoolWaits is how often a session has waited in pgxpool, behind the limiter.
func (d *DB) PoolWaits() int64 { return d.pool.Stat().EmptyAcquireCount() }
