package db

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Budget compares what all instances' pools may open with what the server
// grants to this role on this database.
type Budget struct {
	Wanted  int    // (PoolSize + MaxOverflow) × instances, with a replica one more for each
	Allowed int    // the least limit: the server's, less what it reserves, the role's or the database's
	bound   string // whose limit that is, as "role app"; "": the server's
}

// Err is nil while the server grants what the pools may ask for; else it says
// what to change.
func (b Budget) Err() error {
	if b.Wanted <= b.Allowed {
		return nil
	}
	return fmt.Errorf("connection budget exceeded: %s: %s", b.compared(), b.advice())
}

func (b Budget) compared() string {
	return fmt.Sprintf("the pools may open %d connections, %s allows %d", b.Wanted, cmp.Or(b.bound, "the server"), b.Allowed)
}

func (b Budget) advice() string {
	what := "max_connections"
	if kind, _, ok := strings.Cut(b.bound, " "); ok {
		what = "the " + kind + "'s CONNECTION LIMIT"
	}
	return "lower DB_POOL_SIZE, DB_MAX_OVERFLOW or DB_INSTANCES, or raise " + what
}

// budgetQuery lists the limits: of the server, less what it reserves for
// others, of the role and of the database. A superuser is bound by the server's
// max_connections only, and -1 is no limit. The role is the one that logged in,
// whatever SET ROLE has made of it since.
const budgetQuery = `
WITH server AS (
	SELECT sum(setting::int) FILTER (WHERE name = 'max_connections') AS most,
		coalesce(sum(setting::int) FILTER (WHERE name = 'superuser_reserved_connections'), 0) AS for_superusers,
		coalesce(sum(setting::int) FILTER (WHERE name = 'reserved_connections'), 0) AS reserved
	FROM pg_settings
), role AS (
	SELECT rolname, rolconnlimit, rolsuper FROM pg_roles WHERE rolname = session_user
)
SELECT * FROM (
	SELECT (most - for_superusers - reserved)::int AS allowed, '' AS bound FROM server
	UNION ALL SELECT rolconnlimit, 'role ' || rolname FROM role WHERE NOT rolsuper
	UNION ALL SELECT datconnlimit, 'database ' || datname FROM pg_database, role WHERE datname = current_database() AND NOT rolsuper
) AS limits WHERE allowed >= 0 ORDER BY allowed, bound LIMIT 1`

// Budget asks the server for its limits, over a connection of its own: beside a
// pool that is far too large no question would get through. Behind PgBouncer the
// limits are not the pool's to count: there it returns a budget that is never exceeded.
func (o Options) Budget(ctx context.Context, instances int) (Budget, error) {
	if o.PgBouncer {
		return o.budget(ctx, nil, instances)
	}
	pool, err := parseURL(o.URL)
	if err != nil {
		return Budget{}, urlError(err)
	}
	o.connConfig(pool.ConnConfig)
	var b Budget
	err = askOnce(ctx, pool.ConnConfig, o.ConnectTimeout, func(ctx context.Context, conn *pgx.Conn) (err error) {
		b, err = o.budget(ctx, conn.QueryRow, instances)
		return err
	})
	if err != nil {
		return Budget{}, fmt.Errorf("read the server's connection limit: %w", err)
	}
	return b, nil
}

// budget asks over a connection.
func (o Options) budget(ctx context.Context, ask func(context.Context, string, ...any) pgx.Row, instances int) (Budget, error) {
	b := Budget{Wanted: o.maxConns() * instances}
	if o.Replica != nil {
		b.Wanted += questions * instances
	}
	if o.PgBouncer {
		b.Allowed = b.Wanted
		return b, nil
	}
	return b, ask(ctx, budgetQuery).Scan(&b.Allowed, &b.bound)
}
