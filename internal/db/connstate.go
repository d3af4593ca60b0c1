package db

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// connState is what this package keeps with a connection of the pool.
type connState struct {
	generation int64          // the pool's when the connection was opened
	severed    bool           // cut on this side: says nothing about the server
	warning    *pgconn.Notice // the last warning in answer to a statement
}

const stateKey = "state"

func newState(conn *pgx.Conn, generation int64) {
	conn.PgConn().CustomData()[stateKey] = &connState{generation: generation}
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
