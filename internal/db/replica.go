package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// replica is a server that follows the primary, with a pool of its own. How old
// it may be is measured by this program's clock: when it has reached a position
// of the primary's, it has all that was committed before the primary was asked
// for that. So an idle primary makes it no older, and without answers it ages.
type replica struct {
	db     *DB
	maxLag time.Duration
	start  time.Time    // what times count from
	seen   atomic.Int64 // it has all that was committed before: nanoseconds
	stop   func()       // ends the measuring
}

// unseen is so long ago that no limit allows it.
const unseen = math.MinInt64 / 2

// errSlow is why the wait for the replica ended.
var errSlow = fmt.Errorf("%w: no connection to the replica in time", ErrUnavailable)

var errNoStandby = errors.New("DATABASE_READ_URL leads to no standby of the primary, or to another database")

// questions is how many connections each of the two pools has for measuring.
const questions = 1

// replicaPatience is the wait for the replica, at most: for a connection, and for BEGIN.
func (d *DB) replicaPatience() time.Duration { return min(d.opts.PoolTimeout/2, time.Second) }

// openReplica does not wait longer than that for the first connections.
func (d *DB) openReplica(ctx context.Context) (err error) {
	opts := *d.opts.Replica
	opts.Logger, opts.ConnectTimeout = d.opts.Logger, min(opts.ConnectTimeout, d.replicaPatience())
	r := &replica{maxLag: d.opts.ReadMaxLag, start: time.Now()}
	if r.db, err = openPool(ctx, opts, questions); err != nil {
		return err
	}
	r.seen.Store(unseen)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	watching.Go(func() { r.watch(ctx, d) })
	r.stop = func() { cancel(); watching.Wait() }
	d.replica = r
	return nil
}

// Replica returns the replica's pool, whose figures are its own, and how old what
// is read there may be; or nil where there is none.
func (d *DB) Replica() (pool *DB, lag time.Duration) {
	if d.replica == nil {
		return nil, 0
	}
	return d.replica.db, d.replica.lag()
}

func (r *replica) lag() time.Duration { return time.Since(r.start) - time.Duration(r.seen.Load()) }

// mark is where the primary was when it was asked.
type mark struct {
	asked time.Duration
	lsn   int64
}

// watch measures, one question at a time, until ctx ends. It logs where reads go.
func (r *replica) watch(ctx context.Context, primary *DB) {
	pause := min(max(r.maxLag/5, 20*time.Millisecond), time.Second)
	var marks []mark // those that the replica has not reached
	for used := true; sleep(ctx, pause) == nil; {
		latest, lsn, err := r.measure(ctx, primary)
		if n := len(marks); n > 100 || n > 0 && latest.lsn < marks[n-1].lsn { // after a failover the primary may be at an earlier one
			marks = nil
		}
		if err == nil {
			marks = append(marks, latest)
		}
		for ; err == nil && len(marks) > 0 && marks[0].lsn <= lsn; marks = marks[1:] {
			r.seen.Store(int64(marks[0].asked))
		}
		if now := r.lag() <= r.maxLag; now != used && ctx.Err() == nil {
			if used = now; used {
				r.db.log.InfoContext(ctx, "reads go to the replica again")
			} else {
				r.db.log.WarnContext(ctx, "reads go to the primary: the replica is away or too far behind", "error", err)
			}
		}
	}
}

// measure asks first where the primary is, then where the replica is, which has
// to be one of the same cluster.
func (r *replica) measure(ctx context.Context, primary *DB) (latest mark, lsn int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	latest.asked = time.Since(r.start)
	var cluster, own string
	if latest.lsn, cluster, err = primary.position(ctx, "pg_current_wal_lsn"); err != nil {
		return latest, 0, fmt.Errorf("ask the primary: %w", err)
	}
	if lsn, own, err = r.db.position(ctx, "pg_last_wal_replay_lsn"); err == nil && (lsn < 0 || own != cluster) {
		err = errNoStandby
	}
	if err != nil {
		r.seen.Store(unseen)
	}
	return latest, lsn, err
}

func (d *DB) position(ctx context.Context, function string) (lsn int64, cluster string, err error) {
	err = d.askBeside(ctx, func(conn *pgx.Conn) error {
		lsn, cluster, err = positionOf(ctx, conn, function)
		return err
	})
	return lsn, cluster, err
}

// positionOf asks a server where it is, and which cluster and database it has. A
// primary has replayed to nowhere, -1.
func positionOf(ctx context.Context, conn *pgx.Conn, function string) (lsn int64, cluster string, err error) {
	query := "SELECT coalesce((" + function + "() - '0/0')::bigint, -1), system_identifier || ' ' || current_database() FROM pg_control_system()"
	err = conn.QueryRow(ctx, query).Scan(&lsn, &cluster)
	return lsn, cluster, err
}

// serving is the pool for a session with these options. A standby refuses SERIALIZABLE.
func (d *DB) serving(o sessionOptions) *DB {
	if d.replica == nil || !o.replica || !o.readOnly || o.isolation == sql.LevelSerializable || d.replica.lag() > d.replica.maxLag {
		return d
	}
	return d.replica.db
}

// leaves reports that the first statement, which has failed on the replica, goes
// to the primary: nothing was read yet, and the primary may have what the replica
// does not, such as a new table. One that took too long is not sent again.
func (s *Session) leaves(ctx context.Context, t *transaction, err error) bool {
	pg, answered := errors.AsType[*pgconn.PgError](err)
	if err == nil || s.at == s.db || answered && pg.Code == "57014" || ctx.Err() != nil || s.ctx.Err() != nil || s.hasEnded() {
		return false
	}
	if t == nil {
		s.late = s.db.replicaPatience()
		if err != errSlow && !errors.Is(err, ErrQueueFull) && Classify(err) == Unavailable { // away, not busy
			s.db.replica.seen.Store(unseen) // until the next measurement nobody else tries
		}
	}
	s.undo(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.transaction, s.failed, s.broken, s.leak = s.db, nil, nil, nil, nil
	return true
}
