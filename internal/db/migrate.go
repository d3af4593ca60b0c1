package db

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// The whole folder is embedded, so that a file that is no migration is refused
// instead of left out.
//
//go:embed migrations
var migrations embed.FS

// Migrations returns the SQL files that Migrator applies, for tools and tests.
func Migrations() fs.FS {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return files
}

func (o Options) migrations() fs.FS {
	if o.Migrations == nil {
		return Migrations()
	}
	return o.Migrations
}

// Migrator applies the migrations over connections of its own, which have no
// statement time-out: one holds the lock, one runs the migrations, and one looks
// from time to time for whom they wait.
type Migrator struct {
	opts  Options
	log   *slog.Logger
	cfg   *pgx.ConnConfig
	name  string // the application_name of its connections, by which they are found in pg_stat_activity
	files []migrationFile
	sql   *sql.DB
	goose *goose.Provider
	lock  *migrationLock // held while migrations run
	run   migrationRun
}

// NewMigrator connects when it is first used. Close it. A URL that cannot be
// used is ErrURL; a file that is no migration is an error that names it.
func NewMigrator(opts Options) (*Migrator, error) {
	source := opts.migrations()
	files, err := readMigrations(source)
	if err != nil {
		return nil, err
	}
	cfg, err := parseWithoutTimeouts(opts.URL)
	if err != nil {
		return nil, urlError(err)
	}
	opts.StatementTimeout, opts.IdleInTransactionTimeout = 0, 0
	opts.ConnectTimeout = max(opts.ConnectTimeout, time.Second)
	if opts.MigrateLockTimeout <= 0 {
		opts.MigrateLockTimeout = 5 * time.Second
	}
	opts.connConfig(cfg)
	m := &Migrator{opts: opts, log: opts.logger(), cfg: cfg, files: files}
	m.name = migratorName(cfg.RuntimeParams["application_name"])
	cfg.RuntimeParams["application_name"] = m.name
	m.sql = sql.OpenDB(migrationConnector{m})
	if m.goose, err = goose.NewProvider(goose.DialectPostgres, m.sql, source, goose.WithDisableGlobalRegistry(true)); err != nil {
		return nil, fmt.Errorf("read migrations: %w", errors.Join(err, m.sql.Close()))
	}
	return m, nil
}

// migratorName is unique. PostgreSQL cuts names at 63 bytes.
func migratorName(application string) string {
	return fmt.Sprintf("%.40s migrate %s", application, strings.ToLower(rand.Text()[:12]))
}

// Close closes its connections.
func (m *Migrator) Close() error { return m.sql.Close() }

// Up applies all pending migrations, oldest first, and returns the names of
// those that it applied, also beside an error. It refuses a database that this
// program's migrations do not fit: ErrSchemaNewer, ErrSchemaUnknown.
func (m *Migrator) Up(ctx context.Context) (applied []string, err error) {
	// Without pending migrations no lock is needed, so that an instance that starts
	// does not wait for a newer one, which may be migrating.
	if plan, err := m.plan(ctx); err == nil && plan.refuse() == nil && len(plan.pending) == 0 {
		return nil, nil
	}
	err = m.locked(ctx, func(ctx context.Context) error {
		plan, err := m.plan(ctx)
		if err != nil {
			return err
		}
		if err := plan.refuse(); err != nil {
			return err
		}
		for _, file := range plan.pending {
			if err := m.apply(ctx, file, true); err != nil {
				return err
			}
			applied = append(applied, file.name)
		}
		return nil
	})
	return applied, err
}

// Down rolls back the latest migration and returns its name, or "" if none is
// applied. It refuses what Up refuses.
func (m *Migrator) Down(ctx context.Context) (name string, err error) {
	err = m.locked(ctx, func(ctx context.Context) error {
		plan, err := m.plan(ctx)
		if err != nil {
			return err
		}
		if err := plan.refuse(); err != nil || plan.latest == nil {
			return err
		}
		if err := m.apply(ctx, *plan.latest, false); err != nil {
			return err
		}
		name = plan.latest.name
		return nil
	})
	return name, err
}

// lockAttempts is how often a migration is tried while it does not get its
// locks. Between attempts there is a pause, see awaitBlockers.
const lockAttempts = 4

// apply runs one migration, or its way back. One that runs into the lock
// time-out is tried again: in a transaction from its beginning, without one
// from the statement that did not get its lock.
func (m *Migrator) apply(ctx context.Context, file migrationFile, up bool) error {
	if _, err := m.goose.GetDBVersion(ctx); err != nil { // makes the version table
		return fmt.Errorf("make goose_db_version: %w", oneLine{err})
	}
	m.run.start(file)
	defer m.run.end()
	began := time.Now()
	for attempt := 1; ; attempt++ {
		m.run.rewind()
		_, err := m.goose.ApplyVersion(ctx, file.version, up)
		if err == nil {
			m.logApplied(ctx, file, up, time.Since(began))
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", file.name, context.Cause(ctx))
		}
		blockers := m.run.takeBlockers()
		if !lockDenied(err) {
			return m.failure(ctx, file, err)
		}
		m.log.LogAttrs(ctx, slog.LevelWarn, fmt.Sprintf("migration gets no lock: attempt %d of %d", attempt, lockAttempts),
			slog.String("migration", file.name), slog.String("error", oneLine{err}.Error()), slog.Any("blocked_by", blockers.texts()))
		if attempt == lockAttempts {
			return fmt.Errorf("%w; given up after %d attempts of %v each, blocked by: %s",
				m.failure(ctx, file, err), lockAttempts, m.opts.MigrateLockTimeout, blockers)
		}
		m.awaitBlockers(ctx, blockers)
	}
}

func (m *Migrator) logApplied(ctx context.Context, file migrationFile, up bool, took time.Duration) {
	message := "migrated"
	if !up {
		message = "rolled back"
	}
	m.log.LogAttrs(ctx, slog.LevelInfo, message, slog.String("migration", file.name), slog.String("took", took.Round(time.Millisecond).String()))
}

// failure says which statement of a migration failed, and what is left of it.
func (m *Migrator) failure(ctx context.Context, file migrationFile, err error) error {
	statement, ok := errors.AsType[*statementError](err)
	if !ok {
		return fmt.Errorf("%s: %w", file.name, oneLine{err})
	}
	if statement.inTransaction {
		return fmt.Errorf("%s: %w; nothing of it is kept", file.name, statement)
	}
	kept := "nothing of it is kept"
	if m.run.hasKept() {
		kept = "it has no transaction: the statements before it stay, and run again next time (write IF NOT EXISTS)"
	}
	if left := m.leftBehind(ctx, statement.text); left != "" {
		kept += "; " + left
	}
	return fmt.Errorf("%s: %w; %s", file.name, statement, kept)
}
