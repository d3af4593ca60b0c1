package db

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// blocker is a backend that a migration waits for.
type blocker struct {
	pid   int
	key   string // changes when its transaction ends
	state string
	age   time.Duration // of its transaction
	query string        // shortened, its literals masked
}

func (b blocker) String() string {
	if b.pid == 0 {
		return "a prepared transaction (see pg_prepared_xacts)"
	}
	return fmt.Sprintf("pid %d (%s, transaction open for %v): %s", b.pid, b.state, b.age.Round(100*time.Millisecond), b.query)
}

type blockers []blocker

func (list blockers) texts() []string {
	texts := make([]string, len(list))
	for i, b := range list {
		texts[i] = b.String()
	}
	return texts
}

func (list blockers) String() string {
	if len(list) == 0 {
		return "a backend that was gone before it could be asked for"
	}
	return strings.Join(list.texts(), "; ")
}

// watchQuery finds this migrator's backends that wait for a lock, and for whom,
// or for a standby to take a commit. It goes by the application's name, since
// behind PgBouncer a client does not know its backend's number.
const watchQuery = `SELECT w.wait_event, coalesce(b.pid, -1), concat_ws(' ', b.pid, a.xact_start::text), coalesce(a.state, 'state not shown'),
		coalesce(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.query_start)), 0)::float8, coalesce(a.query, '')
	FROM pg_stat_activity w
	LEFT JOIN LATERAL unnest(CASE w.wait_event_type WHEN 'Lock' THEN pg_blocking_pids(w.pid) END) AS b (pid) ON true
	LEFT JOIN pg_stat_activity a ON a.pid = b.pid
	WHERE w.datname = current_database() AND starts_with(w.application_name, $1) AND w.state <> 'idle'
		AND (w.wait_event_type = 'Lock' OR w.wait_event = 'SyncRep')`

// watch runs beside the migrations: it remembers who blocks them, logs when a
// COMMIT waits for a standby, and keeps the lock time-out behind PgBouncer. Without
// a connection, or the rights to see other backends, it does what it can.
func (m *Migrator) watch(ctx context.Context) {
	w := watcher{m: m}
	defer w.close(ctx)
	for sleep(ctx, min(max(m.opts.MigrateLockTimeout/5, 10*time.Millisecond), 500*time.Millisecond)) == nil {
		w.look(ctx)
	}
}

// watcher has a connection of its own, opened again when it is lost.
type watcher struct {
	m        *Migrator
	conn     *pgx.Conn
	waiting  time.Time // since when a statement waits for a lock
	toldSync time.Time // when the wait for a standby is to be logged next
}

// waiter is one row of watchQuery.
type waiter struct {
	event string
	blocker
}

func (w *watcher) look(ctx context.Context) {
	rows, err := w.ask(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.m.log.DebugContext(ctx, "watch migration", "error", oneLine{err}.Error())
		}
		w.close(ctx)
		return
	}
	var seen blockers
	locked, standby := false, false
	for _, row := range rows {
		standby = standby || row.event == "SyncRep"
		locked = locked || row.event != "SyncRep"
		if row.pid >= 0 {
			seen = append(seen, row.blocker)
		}
	}
	w.noteLock(ctx, locked, seen)
	w.noteStandby(ctx, standby)
}

// noteLock remembers the blockers. Where the server does not keep the lock
// time-out, it cancels the statement when that is over. It does so by a function
// of the server's: a request to cancel can end PgBouncer 1.18, if its client hangs
// up on it.
func (w *watcher) noteLock(ctx context.Context, locked bool, seen blockers) {
	if !locked {
		w.waiting = time.Time{}
		return
	}
	w.m.run.blocked(seen)
	if w.waiting.IsZero() {
		w.waiting = time.Now()
	}
	if time.Since(w.waiting) < w.m.opts.MigrateLockTimeout || !w.m.run.cancelling() {
		return
	}
	w.waiting = time.Time{}
	const cancel = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND starts_with(application_name, $1) AND state = 'active' AND wait_event_type = 'Lock'`
	if _, err := w.conn.Exec(ctx, cancel, w.m.name); err != nil && ctx.Err() == nil {
		w.m.log.WarnContext(ctx, "cancel a migration that waits for a lock", "error", oneLine{err}.Error())
	}
}

// noteStandby logs a COMMIT that waits for a synchronous standby, after 2 s and
// every 30 s, since that wait has no time-out. The migration has taken effect on
// this server by then.
func (w *watcher) noteStandby(ctx context.Context, standby bool) {
	switch now := time.Now(); {
	case !standby:
		w.toldSync = time.Time{}
	case w.toldSync.IsZero():
		w.toldSync = now.Add(2 * time.Second)
	case now.After(w.toldSync):
		w.toldSync = now.Add(30 * time.Second)
		w.m.log.WarnContext(ctx, "the migration's COMMIT waits for a synchronous standby: see synchronous_standby_names and pg_stat_replication",
			"migration", w.m.run.name())
	}
}

func (w *watcher) ask(ctx context.Context) ([]waiter, error) {
	ctx, cancel := context.WithTimeout(ctx, w.m.opts.ConnectTimeout)
	defer cancel()
	if w.conn == nil {
		conn, err := w.m.connectBeside(ctx, "watch "+w.m.name) // it must not find itself
		if err != nil {
			return nil, err
		}
		w.conn = conn
	}
	rows, err := w.conn.Query(ctx, watchQuery, w.m.name)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanWaiter)
}

func scanWaiter(row pgx.CollectableRow) (w waiter, err error) {
	var age float64
	var query string
	err = row.Scan(&w.event, &w.pid, &w.key, &w.state, &age, &query)
	w.age = time.Duration(age * float64(time.Second))
	w.query = shortSQL(query, 200)
	return w, err
}

func (w *watcher) close(ctx context.Context) {
	closeSoon(ctx, w.conn)
	w.conn = nil
}

// awaitBlockers is the pause before the next attempt. It lasts until those who
// blocked the last one have ended their transactions, but no longer than twice the
// lock time-out (from 2 s to 15 s). During it the migration asks for no lock, so
// that those who queued behind it go on.
func (m *Migrator) awaitBlockers(ctx context.Context, list blockers) {
	timeout := m.opts.MigrateLockTimeout
	_ = sleep(ctx, min(max(timeout, 100*time.Millisecond), time.Second)) // the end of ctx is seen by the next attempt
	keys := make([]string, len(list))
	for i, b := range list {
		keys[i] = b.key
	}
	const query = `SELECT count(*) FROM pg_stat_activity a WHERE concat_ws(' ', a.pid, a.xact_start::text) = ANY ($1)`
	for end := time.Now().Add(min(max(2*timeout, 2*time.Second), 15*time.Second)); time.Now().Before(end); {
		var open int
		err := m.sql.QueryRowContext(ctx, query, keys).Scan(&open)
		if err == nil && open == 0 || sleep(ctx, 100*time.Millisecond) != nil {
			return
		}
	}
}
