package db

// BridgeConnections is how many connections database/sql believes to have.
func (d *DB) BridgeConnections() int { return d.bridge.sql.Stats().OpenConnections }
