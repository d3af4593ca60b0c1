package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the SQL files that Migrator applies, for tools and tests.
func Migrations() fs.FS {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return files
}

// migrationLock is the key of the advisory lock; any number that no other
// program in the database uses will do.
const migrationLock = 7262847166

// Migrator applies the migrations over two connections of its own, which have
// no statement time-out: one holds the lock, one works.
type Migrator struct {
	sql   *sql.DB
	goose *goose.Provider
}

// NewMigrator connects when it is first used. Close it.
func NewMigrator(opts Options) (*Migrator, error) {
	cfg, err := parseWithoutTimeouts(opts.URL)
	if err != nil {
		return nil, urlError(err)
	}
	opts.StatementTimeout, opts.IdleInTransactionTimeout = 0, 0
	opts.ConnectTimeout = max(opts.ConnectTimeout, time.Second)
	opts.connConfig(cfg)
	pool := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(clearDeadline))
	provider, err := goose.NewProvider(goose.DialectPostgres, pool, Migrations(), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return &Migrator{sql: pool, goose: provider}, nil
}

// Close closes its connections.
func (m *Migrator) Close() error { return m.sql.Close() }

// Up applies all pending migrations and returns their names.
func (m *Migrator) Up(ctx context.Context) (applied []string, err error) {
	err = m.locked(ctx, func() error {
		results, err := m.goose.Up(ctx)
		for _, result := range results {
			applied = append(applied, path.Base(result.Source.Path))
		}
		return err
	})
	return applied, err
}

// Down rolls back the latest migration and returns its name, or "" if none is applied.
func (m *Migrator) Down(ctx context.Context) (name string, err error) {
	err = m.locked(ctx, func() error {
		result, err := m.goose.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return nil
		}
		if err == nil {
			name = path.Base(result.Source.Path)
		}
		return err
	})
	return name, err
}

// MigrationStatus is one migration; AppliedAt is zero while it is pending.
type MigrationStatus struct {
	Name      string
	AppliedAt time.Time
}

// Status lists all migrations, oldest first.
func (m *Migrator) Status(ctx context.Context) ([]MigrationStatus, error) {
	states, err := m.goose.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migration status: %w", oneLine{err})
	}
	list := make([]MigrationStatus, len(states))
	for i, state := range states {
		list[i] = MigrationStatus{Name: path.Base(state.Source.Path), AppliedAt: state.AppliedAt}
	}
	return list, nil
}

// locked runs fn while it holds the lock, so that instances started together
// migrate one after the other. The lock belongs to a transaction, which unlike
// a session's lock also works through PgBouncer. It is polled for, between
// polls without a transaction: one that waits would hold up a migration's
// CREATE INDEX CONCURRENTLY, and take a connection that it needs.
func (m *Migrator) locked(ctx context.Context, fn func() error) error {
	tx, err := m.tryLock(ctx)
	for err == nil && tx == nil {
		select {
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
			tx, err = m.tryLock(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("migrate: lock: %w", oneLine{err})
	}
	defer tx.Rollback()
	if err := fn(); err != nil {
		return fmt.Errorf("migrate: %w", oneLine{err})
	}
	return nil
}

// tryLock returns the transaction that holds the lock, or nil if another one does.
func (m *Migrator) tryLock(ctx context.Context) (*sql.Tx, error) {
	tx, err := m.sql.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	var held bool
	err = tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock($1)", migrationLock).Scan(&held)
	if err == nil && held {
		return tx, nil
	}
	return nil, errors.Join(err, tx.Rollback())
}
