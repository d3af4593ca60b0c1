package db

// BridgeConnections is how many connections database/sql believes to have.
func (d *DB) BridgeConnections() int { return d.bridge.sql.Stats().OpenConnections }

// PoolWaits is how often a session has waited in pgxpool, behind the limiter.
func (d *DB) PoolWaits() int64 { return d.pool.Stat().EmptyAcquireCount() }
