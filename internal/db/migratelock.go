package db

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// migrationLockKey is the key of the advisory lock; any number that no other
// program in the database uses will do.
const migrationLockKey = 7262847166

// migrationLock is a transaction that holds the advisory lock, on a connection
// of its own: unlike a session's lock it also works through PgBouncer, and it
// ends with its connection. Each statement goes by the simple protocol and the
// isolation level is READ COMMITTED whatever the role's default is, so that no
// snapshot is open between statements. CREATE INDEX CONCURRENTLY and its like
// wait for every transaction with an older snapshot, and would wait for this
// one for ever: a statement of the extended protocol leaves its portal, and the
// portal's snapshot, open until the next one.
type migrationLock struct {
	mu   sync.Mutex
	conn *pgx.Conn
}

// lockPatience is how long the lock's line may be silent before it counts as lost.
const lockPatience = 15 * time.Second

// errLockLost ends a migration whose lock another instance may hold by now.
var errLockLost = errors.New("lost the connection that holds the migration lock")

// locked runs fn while it holds the lock, so that instances started together
// migrate one after the other. fn's context ends if the lock is lost.
func (m *Migrator) locked(ctx context.Context, fn func(context.Context) error) error {
	lock, err := m.takeLock(ctx)
	if err != nil {
		return fmt.Errorf("migrate: lock: %w", oneLine{err})
	}
	m.lock = lock
	work, cancel := context.WithCancelCause(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { lock.keep(work, cancel) })
	beside.Go(func() { m.watch(work) })
	err = fn(work)
	cancel(nil)
	beside.Wait()
	lock.release(ctx)
	m.lock = nil
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// takeLock polls. Between two polls it has no transaction, since an open one would
// hold up another instance's CREATE INDEX CONCURRENTLY.
func (m *Migrator) takeLock(ctx context.Context) (*migrationLock, error) {
	conn, err := m.connectBeside(ctx, m.name)
	if err != nil {
		return nil, err
	}
	lock := &migrationLock{conn: conn}
	warn := time.Now().Add(time.Second)
	for {
		held, err := lock.try(ctx)
		if err == nil && held {
			return lock, nil
		}
		if err == nil && time.Now().After(warn) {
			m.log.InfoContext(ctx, "waiting for another instance that migrates this database")
			warn = time.Now().Add(30 * time.Second)
		}
		if err == nil {
			err = sleep(ctx, 100*time.Millisecond)
		}
		if err != nil {
			lock.release(ctx)
			return nil, err
		}
	}
}

// connectBeside opens a connection beside the pool. Where the context of a
// statement ends, the connection is closed, and no request to cancel is sent.
func (m *Migrator) connectBeside(ctx context.Context, name string) (*pgx.Conn, error) {
	cfg := m.cfg.Copy()
	cfg.RuntimeParams["application_name"] = name
	cfg.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return conn, clearDeadline(ctx, conn)
}

// try begins the transaction that holds the lock, or ends it again.
func (l *migrationLock) try(ctx context.Context) (bool, error) {
	sql := fmt.Sprintf("BEGIN ISOLATION LEVEL READ COMMITTED; %s; SELECT pg_try_advisory_xact_lock(%d)", noLimits(true), migrationLockKey)
	results, err := l.conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return false, err
	}
	answer := results[len(results)-1]
	if len(answer.Rows) == 1 && string(answer.Rows[0][0]) == "t" {
		return true, nil
	}
	_, err = l.conn.PgConn().Exec(ctx, "ROLLBACK").ReadAll()
	return false, err
}

// keep pings every second, which also keeps firewalls from cutting the idle line.
// A ping takes no snapshot.
func (l *migrationLock) keep(ctx context.Context, lost context.CancelCauseFunc) {
	for sleep(ctx, time.Second) == nil {
		if err := l.check(ctx); err != nil && ctx.Err() == nil {
			lost(err)
			return
		}
	}
}

// check returns an error if the lock is not held any more.
func (l *migrationLock) check(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	if err := l.conn.Ping(ctx); err != nil {
		return fmt.Errorf("%w: %w", errLockLost, err)
	}
	if l.conn.PgConn().TxStatus() != 'T' {
		return fmt.Errorf("%w: its transaction has ended", errLockLost)
	}
	return nil
}

// release ends the transaction with its connection.
func (l *migrationLock) release(ctx context.Context) {
	closeSoon(ctx, l.conn) // where this does not reach the server, it notices by itself
}

// sleep waits for d, or until ctx ends and then returns why.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
