package db

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// readReplica looks at the server for reads. The service works without it, as
// reads then go to the primary; but one that can never be used is a mistake.
func (d *doctor) readReplica(ctx context.Context) (Finding, error) {
	if d.opts.Replica == nil {
		return Finding{Status: Sound, Detail: "none: all reads go to the primary"}, nil
	}
	lsn, cluster, err := d.askReplica(ctx)
	if err != nil {
		return Finding{
			Status: Warn, Detail: "reads go to the primary: " + oneLine{err}.Error(),
			Advice: "see to the server of DATABASE_READ_URL, or leave that empty",
		}, nil
	}
	latest, own, err := positionOf(ctx, d.conn, "pg_current_wal_lsn")
	switch {
	case err != nil:
		return Finding{}, err
	case lsn < 0 || cluster != own:
		return Finding{Status: Fail, Detail: errNoStandby.Error() + ": reads go to the primary", Advice: "correct DATABASE_READ_URL, or leave it empty"}, nil
	default:
		return Finding{Status: Sound, Detail: fmt.Sprintf("a standby of the primary, %d bytes behind", max(0, latest-lsn))}, nil
	}
}

func (d *doctor) askReplica(ctx context.Context) (lsn int64, cluster string, err error) {
	pool, err := parseURL(d.opts.Replica.URL)
	if err != nil {
		return 0, "", urlError(err)
	}
	d.opts.Replica.connConfig(pool.ConnConfig)
	pool.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, pool.ConnConfig)
	if err != nil {
		return 0, "", err
	}
	defer closeSoon(ctx, conn)
	return positionOf(ctx, conn, "pg_last_wal_replay_lsn")
}
