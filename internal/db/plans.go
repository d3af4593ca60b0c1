package db

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgx prepares each text once for a connection, and behind PgBouncer keeps its
// description. Either no longer fits when a table or a type is changed under the
// running service. pgx forgets a statement that failed, so the next try has a
// new plan.

// errOutdated says that a statement failed for its plan, as far as can be told.
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
// errors say so. Others may be the statement's own fault: they count once, for a
// text that has run before and cannot have failed so then.
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

// forgetPlans drops what pgx has prepared on the connection, so that the
// statements that follow have new plans, too. Behind PgBouncer there is nothing
// prepared but other programs' statements, which share the backend.
func (d *DB) forgetPlans(ctx context.Context, l *lease) error {
	if d.opts.PgBouncer {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout-cancelGrace)
	defer cancel()
	clear(stateOf(l.conn.PgConn()).ran)
	return l.conn.DeallocateAll(ctx)
}

// beginAgain replaces a transaction in which nothing has been done. It reports
// whether that worked. Where it cannot begin, the connection is closed: what
// follows would not be in a transaction.
func (l *lease) beginAgain(s *Session) bool {
	if l.lost() || s.ctx.Err() != nil {
		return false
	}
	begin, err := s.opts.beginning(s.ctx)
	if err != nil {
		return false
	}
	l.rollback(s.ctx, endTimeout-cancelGrace)
	if l.lost() || s.db.forgetPlans(s.ctx, l) != nil || s.db.beginTx(s.ctx, l, begin) != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), time.Second)
		defer cancel()
		_ = l.conn.Close(ctx)
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = nil
	return true
}
