package db

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

// poolConfig maps SQLAlchemy's parameters to pgxpool's.
func (d *DB) poolConfig() (*pgxpool.Config, error) {
	cfg, err := parseURL(d.opts.URL)
	if err != nil {
		return nil, urlError(err)
	}
	cfg.MaxConns = int32(d.opts.maxConns())
	cfg.MinConns = int32(d.opts.PoolSize)
	cfg.MinIdleConns = 0
	cfg.MaxConnIdleTime = d.opts.OverflowIdle
	cfg.MaxConnLifetime, cfg.MaxConnLifetimeJitter = lifetime(d.opts.Recycle)
	cfg.HealthCheckPeriod = min(max(d.opts.OverflowIdle/4, 250*time.Millisecond), 10*time.Second)
	// BEGIN finds dead connections, so a ping would only cost a round trip.
	cfg.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	cfg.AfterConnect = d.afterConnect
	cfg.BeforeClose = d.beforeClose
	d.opts.connConfig(cfg.ConnConfig)
	cfg.ConnConfig.AfterNetConnect = newLine
	return cfg, nil
}

// lifetime spreads the replacement of connections over a tenth of their age, so
// that those opened together do not all end together. pgxpool takes 0 as never.
func lifetime(recycle time.Duration) (age, jitter time.Duration) {
	if recycle < 0 {
		return 0, 0
	}
	return recycle, recycle / 10
}

// connConfig sets what each connection needs, in the pool and outside of it.
func (o Options) connConfig(cfg *pgx.ConnConfig) {
	cfg.ConnectTimeout = o.ConnectTimeout
	cfg.DialFunc = o.dial
	cfg.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &canceller{conn: c}
	}
	cfg.OnNotice = noteWarning
	host, _ := os.Hostname()
	setDefault(cfg.RuntimeParams, "application_name", o.applicationName(host, os.Getpid()))
	if o.PgBouncer {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		return
	}
	cfg.RuntimeParams["client_min_messages"] = "warning" // a COMMIT that may be lost is answered with one: no role or URL may hide it
	setDefault(cfg.RuntimeParams, "statement_timeout", millis(o.StatementTimeout))
	setDefault(cfg.RuntimeParams, "idle_in_transaction_session_timeout", millis(o.IdleInTransactionTimeout))
}

// applicationName tells the instances apart in pg_stat_activity, by host and
// process. PostgreSQL cuts it at 63 bytes: of a long host name the end is kept, in
// which a cluster's pods differ. Behind PgBouncer instances share backends, and each
// change of the name would cost it a SET.
func (o Options) applicationName(host string, pid int) string {
	const name, most = "transcription-api", 63
	if o.PgBouncer {
		return name
	}
	process := ":" + strconv.Itoa(pid)
	host = host[min(len(host), max(0, len(name)+1+len(host)+len(process)-most)):]
	return name + " " + host + process
}

// dial bounds the whole start-up of a connection, log-in included: pgx's own
// time-out leaves a connection that it gave up on holding its slot for 15 s.
func (o Options) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: o.ConnectTimeout, KeepAlive: time.Minute}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	err = conn.SetDeadline(time.Now().Add(o.ConnectTimeout))
	if request, ok := ctx.Value(cancelKey{}).(*cancelRequest); ok {
		request.Conn = conn
		return request, err
	}
	return conn, err
}

func (d *DB) afterConnect(ctx context.Context, conn *pgx.Conn) error {
	d.opened.Add(1)
	d.newState(conn)
	return clearDeadline(ctx, conn)
}

// clearDeadline ends the limit that dial set.
func clearDeadline(_ context.Context, conn *pgx.Conn) error {
	return conn.PgConn().Conn().SetDeadline(time.Time{})
}

// beforeClose lets the server hang up first. The socket of a connection that
// does not close in time is cut, so that a dead line gives its slot back.
func (d *DB) beforeClose(conn *pgx.Conn) {
	if !conn.IsClosed() {
		d.hangUp(conn)
	}
	socket := conn.PgConn().Conn()
	cut := time.AfterFunc(d.opts.ConnectTimeout, func() { socket.Close() })
	go func() {
		<-conn.PgConn().CleanupDone()
		cut.Stop()
	}()
}

// hangUp ends the backend and waits until the server has closed the connection. A
// backend that is still ending counts against max_connections, so the slot must
// not go to a new connection before.
func (d *DB) hangUp(conn *pgx.Conn) {
	socket := conn.PgConn().Conn()
	_ = socket.SetDeadline(time.Now().Add(min(d.opts.ConnectTimeout, time.Second)))
	_, _ = socket.Write([]byte{'X', 0, 0, 0, 4}) // Terminate
	_, _ = io.Copy(io.Discard, socket)
}

// invalidate replaces all connections as old as this dead one: what ended it
// (a restart, a failover, a cut line) has most likely ended them too. Only the
// first caller of a generation resets the pool: if each did, callers that fail at
// the same time would throw away each other's fresh connections.
func (d *DB) invalidate(conn *pgx.Conn) {
	d.resetting.Lock()
	defer d.resetting.Unlock()
	if d.outdated(conn) {
		return
	}
	d.generation.Add(1)
	d.invalidated.Add(int64(d.pool.Stat().IdleConns())) // those in use count when they come back; one taken just now counts twice
	d.pool.Reset()
}

// outdated reports a connection that was opened before the last reset.
func (d *DB) outdated(conn *pgx.Conn) bool {
	return stateOf(conn.PgConn()).generation != d.generation.Load()
}

// retire counts a connection that the pool will close when it is handed back.
func (d *DB) retire(conn *pgx.Conn) {
	if d.outdated(conn) {
		d.invalidated.Add(1)
	}
}

// urlError keeps the URL out of the message: pgx quotes it, and where it is
// malformed pgx cannot find the password in it to leave that out. A reason that
// does not quote the URL (a certificate that cannot be read) is kept.
func urlError(err error) error {
	reason := errors.Unwrap(err)
	if strings.HasSuffix(err.Error(), "`: invalid port") || strings.Contains(err.Error(), "`: could not match ") {
		return fmt.Errorf("%w: it has a bad port, or more ports than hosts", ErrURL)
	}
	if _, quotes := errors.AsType[*url.Error](reason); reason == nil || quotes {
		return fmt.Errorf("%w: it is not of the form postgres://user:password@host:5432/database", ErrURL)
	}
	return fmt.Errorf("%w: %w", ErrURL, reason)
}
