package db

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// poolerPatience is how long a pooler may take to give a second client a backend.
const poolerPatience = 2 * time.Second

// pooler finds out what is between here and PostgreSQL: a pooler answers the
// start-up with a process number of its own.
func (d *doctor) pooler(ctx context.Context) (Finding, error) {
	pid, err := backend(ctx, d.conn)
	if err != nil {
		return Finding{}, err
	}
	if pid == d.conn.PgConn().PID() {
		return d.noPooler(), nil
	}
	shared, prepared, err := d.tryPooler(ctx)
	return d.poolerFinding(shared, prepared), err
}

func (d *doctor) noPooler() Finding {
	if d.opts.PgBouncer {
		return Finding{
			Status: Warn, Detail: "none, but DB_PGBOUNCER is on: time-outs are not sent, and every statement is planned anew",
			Advice: "set DB_PGBOUNCER=false",
		}
	}
	return Finding{Status: Sound, Detail: "none"}
}

func (d *doctor) poolerFinding(shared, prepared bool) Finding {
	switch {
	case shared && d.opts.PgBouncer:
		return Finding{Status: Sound, Detail: "one in transaction mode, as DB_PGBOUNCER says"}
	case shared && prepared:
		return Finding{
			Status: Warn, Detail: "one in transaction mode, but DB_PGBOUNCER is off: prepared statements work, what the start of a connection sets may be lost",
			Advice: "set DB_PGBOUNCER=true",
		}
	case shared:
		return Finding{
			Status: Fail, Detail: "one in transaction mode, but DB_PGBOUNCER is off: prepared statements do not work",
			Advice: "set DB_PGBOUNCER=true",
		}
	case d.opts.PgBouncer:
		return Finding{Status: Sound, Detail: "one that seems to give each client a backend of its own; DB_PGBOUNCER is on, which is safe with any"}
	default:
		return Finding{Status: Sound, Detail: "one that gives each client a backend of its own"}
	}
}

// tryPooler has two clients at once. In transaction mode the second one is given
// the backend that the first has just left, at the latest after some attempts,
// and while it keeps that, the first one's next statement meets another backend,
// which knows none of its prepared statements unless the pooler sees to that.
func (d *doctor) tryPooler(ctx context.Context) (shared, prepared bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, poolerPatience)
	defer cancel()
	second, err := d.dial(ctx)
	if err != nil {
		return false, false, nil // a pooler of one client to a backend has none left
	}
	defer closeSoon(ctx, second)
	statement := "check_" + strings.ToLower(rand.Text()[:12])
	if _, err := d.conn.PgConn().Prepare(ctx, statement, "SELECT 1", nil); err != nil {
		return false, false, err
	}
	for range 10 {
		if shared, err = d.sameBackend(ctx, second); shared || err != nil {
			break
		}
	}
	if err != nil && ctx.Err() != nil {
		return false, false, nil
	}
	if shared && !d.opts.PgBouncer {
		prepared = prepares(ctx, d.conn, statement)
	}
	for _, sql := range []string{"DEALLOCATE " + statement, "ROLLBACK"} { // on the backend that was shared, which stays when its clients go
		_, _ = second.Exec(ctx, sql)
	}
	return shared, prepared, err
}

// sameBackend leaves the second client in a transaction if both have had the
// same backend.
func (d *doctor) sameBackend(ctx context.Context, second *pgx.Conn) (bool, error) {
	first, err := backend(ctx, d.conn)
	if err != nil {
		return false, err
	}
	if _, err := second.Exec(ctx, "BEGIN"); err != nil {
		return false, err
	}
	pid, err := backend(ctx, second)
	if err != nil || pid == first {
		return err == nil, err
	}
	_, err = second.Exec(ctx, "ROLLBACK")
	return false, err
}

// prepares reports whether a prepared statement is known wherever it is run. No
// answer, since the pooler has no second backend, is no proof of the contrary.
func prepares(ctx context.Context, conn *pgx.Conn, statement string) bool {
	_, err := conn.PgConn().ExecPrepared(ctx, statement, nil, nil, nil).Close()
	return !isForgotten(err)
}

// backend is the process number of the backend that runs the statement.
func backend(ctx context.Context, conn *pgx.Conn) (pid uint32, err error) {
	err = conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid)
	return pid, err
}
