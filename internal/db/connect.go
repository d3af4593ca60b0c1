package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestConnection connects and asks for an answer, up to retries times in all
// with delay in between, each attempt logged if it fails. It keeps no
// connection. A refusal that will not change (wrong password, unknown database)
// is returned at once, and so is ErrURL: a URL that pgx can not read, or one
// with parameters that the server or a pooler refuses.
func TestConnection(ctx context.Context, opts Options, retries int, delay time.Duration) error {
	pool, err := parseURL(opts.URL)
	if err != nil {
		return urlError(err)
	}
	cfg := pool.ConnConfig
	opts.connConfig(cfg)
	opts.logFiles(ctx, cfg)
	opts.warnHosts(ctx, cfg)
	for attempt := 1; ; attempt++ {
		err := askOnce(ctx, cfg, opts.ConnectTimeout, findSchema)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("test connection: %w", context.Cause(ctx))
		}
		if err = opts.refusal(err); errors.Is(err, ErrURL) {
			return err
		}
		opts.logger().LogAttrs(ctx, slog.LevelWarn, fmt.Sprintf("database connection: attempt %d of %d", attempt, retries),
			slog.String("error", err.Error()))
		if attempt >= retries || permanent(err) {
			return fmt.Errorf("test connection: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
}

// logFiles says what the connection takes from files of its user's, as psql
// does, and not from the URL.
func (o Options) logFiles(ctx context.Context, cfg *pgx.ConnConfig) {
	var files []string
	if cfg.Password != "" && !o.hasPassword() {
		files = append(files, "password: PGPASSFILE or ~/.pgpass")
	}
	if cfg.TLSConfig != nil && cfg.TLSConfig.RootCAs != nil && !strings.Contains(o.URL, "sslrootcert=") {
		files = append(files, "sslrootcert: ~/.postgresql/root.crt")
	}
	if cfg.TLSConfig != nil && len(cfg.TLSConfig.Certificates) > 0 && !strings.Contains(o.URL, "sslcert=") {
		files = append(files, "sslcert: ~/.postgresql/postgresql.crt")
	}
	if len(files) > 0 {
		o.logger().LogAttrs(ctx, slog.LevelInfo, "connection parameters from files", slog.Any("files", files))
	}
}

// warnHosts tells of several hosts of which any will do: the first that answers
// is taken, and when that has become a standby each write fails on it, for as long
// as it answers.
func (o Options) warnHosts(ctx context.Context, cfg *pgx.ConnConfig) {
	if hosts := hostsOf(cfg); len(hosts) > 1 && cfg.ValidateConnect == nil {
		o.logger().LogAttrs(ctx, slog.LevelWarn, "DATABASE_URL names several hosts, of which any will do, a standby too: "+
			"set target_session_attrs=read-write", slog.Any("hosts", hosts))
	}
}

// hasPassword reports whether there is a password without a password file.
func (o Options) hasPassword() bool {
	separator := "?"
	if strings.Contains(o.URL, "?") {
		separator = "&"
	}
	cfg, err := pgx.ParseConfig(o.URL + separator + "passfile=") // the last one counts
	return err == nil && cfg.Password != ""
}

// askOnce connects, asks and closes, and does not wait for longer than limit: with
// an error, ask may still be running.
func askOnce(ctx context.Context, cfg *pgx.ConnConfig, limit time.Duration, ask func(context.Context, *pgx.Conn) error) error {
	err := within(ctx, limit, func(ctx context.Context) error {
		conn, err := pgx.ConnectConfig(ctx, cfg)
		if err != nil {
			return err
		}
		return errors.Join(ask(ctx, conn), conn.Close(ctx))
	})
	if err != nil {
		return oneLine{err}
	}
	return nil
}

// A missingSchema is a search_path, of the URL or of the role, that leads nowhere.
type missingSchema struct{ path string }

func (e missingSchema) Error() string {
	return fmt.Sprintf("no schema of the search_path %s is there, or this role may not use it; create it (CREATE SCHEMA …), "+
		"or correct schema= or search_path in DATABASE_URL", e.path)
}

// findSchema asks for an answer: the schema in which unqualified names are
// looked up and made. Without it each statement would fail, with an error that
// does not say why.
func findSchema(ctx context.Context, conn *pgx.Conn) error {
	results, err := conn.PgConn().Exec(ctx, "SELECT current_schema(), current_setting('search_path')").ReadAll()
	if err != nil || len(results) == 0 || len(results[0].Rows) == 0 {
		return err
	}
	if row := results[0].Rows[0]; row[0] == nil {
		return missingSchema{string(row[1])}
	}
	return nil
}

// within runs fn, but does not wait for it longer than limit or than ctx lasts:
// on a dead line pgx needs longer to give up. fn ends by itself later.
func within(ctx context.Context, limit time.Duration, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	result := make(chan error, 1)
	go func() {
		defer cancel()
		result <- fn(ctx)
	}()
	<-ctx.Done()
	select {
	case err := <-result:
		return err
	default:
		return fmt.Errorf("no answer within %v", limit)
	}
}

// oneLine puts pgx's report of every address that it tried, with TLS and
// without, on one line, each reason once.
type oneLine struct{ error }

func (e oneLine) Unwrap() error { return e.error }

func (e oneLine) Error() string {
	if pg, ok := errors.AsType[*pgconn.PgError](e.error); ok {
		return pg.Error()
	}
	var reasons []string
	for line := range strings.Lines(e.error.Error()) {
		line = strings.TrimSpace(line)
		if line != "" && !slices.Contains(reasons, line) {
			reasons = append(reasons, line)
		}
	}
	return strings.Join(reasons, " ")
}
