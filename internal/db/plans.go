package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgx prepares each text once for a connection, and behind PgBouncer keeps its
// description. Neither fits any more when a table or a type is changed under the
// running service. pgx forgets a statement that failed, so the next try has a
// new plan.

// errOutdated is a failure that an outdated plan explains.
var errOutdated = errors.New("a table was changed under a prepared statement")

// remember keeps a text that has run on the connection.
func (c *connState) remember(query string) {
	if len(query) > maxKnownText || c.ran[query] {
		return
	}
	if c.ran == nil || len(c.ran) >= maxKnown {
		c.ran = make(map[string]bool)
	}
	c.ran[query] = true
}

// outdated recognises a statement whose plan or description is too old. Some
// errors say so. Others may be the statement's own fault: they count for a text
// that has run on this connection before, without them, and only once.
func (c *connState) outdated(query string, err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch pg.Code {
	case "26000", // prepared statement does not exist
		"08P01": // bind message has 3 result formats but query has 4 columns
		return true
	case "0A000": // cached plan must not change result type
		return pg.Routine == "RevalidateCachedQuery"
	case "42804", // column is of type text but expression is of type bigint
		"42883", // operator does not exist
		"42704", // type does not exist
		"42703", // column does not exist
		"42P01", // relation does not exist
		"22P03", // incorrect binary data format in bind parameter
		"XX000": // cache lookup failed for type 16384
		ran := c.ran[query]
		delete(c.ran, query)
		return ran
	}
	return false
}

// isForgotten recognises a prepared statement that is gone.
func isForgotten(err error) bool { return sqlstate(err) == "26000" }

// forgetPlans drops what pgx has prepared on the connection, so that the
// statements that follow get new plans, too. Behind PgBouncer it drops nothing:
// what is prepared there belongs to other programs that share the backend.
func (d *DB) forgetPlans(ctx context.Context, t *transaction) error {
	if d.opts.PgBouncer {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout-cancelGrace)
	defer cancel()
	clear(stateOf(t.conn.PgConn()).ran)
	t.line.forget()
	return t.conn.DeallocateAll(ctx)
}

// markOutdated wraps the error of a statement that failed for its plan.
func (s *Session) markOutdated(t *transaction, query string, err error) error {
	if err == nil || t.lost() || !stateOf(t.conn.PgConn()).outdated(query, err) {
		return err
	}
	return fmt.Errorf("%w: %w", errOutdated, err)
}

// again repeats the first statement in a new transaction. The old one has done
// nothing, since that statement failed in it. Where the new one does not begin,
// the line is cut, since later statements would run outside of a transaction.
func (s *Session) again(t *transaction, send func(*transaction) error) error {
	begin, err := s.opts.beginning(s.ctx)
	if err != nil {
		return err
	}
	t.rollback(s.ctx, endTimeout-cancelGrace)
	reached := unsent
	if err = s.at.forgetPlans(s.ctx, t); err == nil {
		reached, err = s.at.beginWith(t, begin, send)
	}
	if reached != begun {
		t.sever()
	}
	return err
}
