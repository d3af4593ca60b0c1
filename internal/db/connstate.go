package db

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// connState is what this package keeps with a connection of the pool.
type connState struct {
	generation int64           // the pool's when the connection was opened
	reported   [10]string      // the settings of that moment
	reset      string          // leads back to it
	severed    bool            // cut on this side: says nothing about the server
	warning    *pgconn.Notice  // the last warning in answer to a statement
	ran        map[string]bool // texts that have run, so that pgx may have prepared them
}

const stateKey = "state"

func (d *DB) newState(conn *pgx.Conn) {
	pg := conn.PgConn()
	pg.CustomData()[stateKey] = &connState{generation: d.generation.Load(), reported: reportedBy(pg), reset: d.opts.resetSQL(pg)}
}

// stateOf returns a state of its own for a connection outside of the pool.
func stateOf(conn *pgconn.PgConn) *connState {
	if state, ok := conn.CustomData()[stateKey].(*connState); ok {
		return state
	}
	return new(connState)
}

// noteWarning keeps a warning for the COMMIT that it may belong to.
func noteWarning(conn *pgconn.PgConn, notice *pgconn.Notice) {
	if notice.SeverityUnlocalized == "WARNING" {
		stateOf(conn).warning = notice
	}
}
