package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The version table does not fit this program's migrations.
var (
	// ErrSchemaNewer: all of its migrations are applied, and newer ones that it
	// does not know. It may serve, and changes nothing.
	ErrSchemaNewer = errors.New("the database is newer than this program")
	// ErrSchemaUnknown: the versions are those of another service, or of another history.
	ErrSchemaUnknown = errors.New("the database holds migrations that this program does not know")
)

// MigrationStatus is one migration; AppliedAt is zero while it is pending.
type MigrationStatus struct {
	Name      string
	AppliedAt time.Time
}

// migrationPlan is what the version table says about the files.
type migrationPlan struct {
	pending []migrationFile
	latest  *migrationFile // the one applied last; nil: none
	newest  int64          // of the files
	late    *migrationFile // the first pending one with a number below an applied one's
	above   int64          // that number
	unknown []appliedVersion
	applied map[int64]time.Time
}

// appliedVersion is a row of the version table.
type appliedVersion struct {
	version int64
	at      time.Time
}

func (m *Migrator) plan(ctx context.Context) (migrationPlan, error) {
	rows, err := m.appliedVersions(ctx)
	if err != nil {
		return migrationPlan{}, fmt.Errorf("read goose_db_version: %w", oneLine{err})
	}
	plan := migrationPlan{applied: map[int64]time.Time{}}
	for _, row := range rows {
		plan.applied[row.version] = row.at
		i := slices.IndexFunc(m.files, func(f migrationFile) bool { return f.version == row.version })
		if i < 0 {
			plan.unknown = append(plan.unknown, row)
			continue
		}
		plan.latest = &m.files[i]
		plan.above = max(plan.above, row.version)
	}
	for i, file := range m.files {
		plan.newest = max(plan.newest, file.version)
		if _, applied := plan.applied[file.version]; applied {
			continue
		}
		plan.pending = append(plan.pending, file)
		if file.version < plan.above && plan.late == nil {
			plan.late = &m.files[i]
		}
	}
	return plan, nil
}

// appliedVersions reads the version table, if there is one, in the schema that
// goose makes it in. Of several rows with a version the last one counts. goose's
// first row, version 0, is none.
func (m *Migrator) appliedVersions(ctx context.Context) (list []appliedVersion, err error) {
	const find = `SELECT to_regclass(quote_ident(current_schema()) || '.' || $1::text)::text`
	var table sql.NullString
	if err := m.sql.QueryRowContext(ctx, find, "goose_db_version").Scan(&table); err != nil || !table.Valid {
		return nil, err
	}
	rows, err := m.sql.QueryContext(ctx, "SELECT version_id, is_applied, tstamp FROM "+table.String+" ORDER BY id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var row appliedVersion
		var applied bool
		if err := rows.Scan(&row.version, &applied, &row.at); err != nil {
			return nil, err
		}
		list = slices.DeleteFunc(list, func(earlier appliedVersion) bool { return earlier.version == row.version })
		if applied && row.version > 0 {
			list = append(list, row)
		}
	}
	return list, rows.Err()
}

// refuse returns why this program must not change the schema, or nil.
func (p migrationPlan) refuse() error {
	between := slices.DeleteFunc(slices.Clone(p.unknown), func(v appliedVersion) bool { return v.version > p.newest })
	switch {
	case len(between) > 0:
		return fmt.Errorf("%w: goose_db_version lists %s: another service's, or another history's; give each service a schema of its own (search_path in DATABASE_URL), or empty it (make db-reset, if it is the one of make run)",
			ErrSchemaUnknown, numbers(between))
	case len(p.unknown) > 0 && len(p.pending) > 0:
		return fmt.Errorf("%w: goose_db_version lists %s, but not this program's %s: another service's; give each service a schema of its own (search_path in DATABASE_URL)",
			ErrSchemaUnknown, numbers(p.unknown), p.pending[0].name)
	case len(p.unknown) > 0:
		return fmt.Errorf("%w: goose_db_version lists %s, its newest is %05d; migrate with the newer program", ErrSchemaNewer, numbers(p.unknown), p.newest)
	case p.late != nil:
		return fmt.Errorf("migration %s is not applied, but a newer one is, %05d: give it a number of its own above that", p.late.name, p.above)
	default:
		return nil
	}
}

func numbers(list []appliedVersion) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = fmt.Sprintf("%05d", v.version)
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

// Status lists all migrations, oldest first, with those that the database has
// and this program has not. It changes nothing.
func (m *Migrator) Status(ctx context.Context) ([]MigrationStatus, error) {
	plan, err := m.plan(ctx)
	if err != nil {
		return nil, fmt.Errorf("migration status: %w", err)
	}
	var list []MigrationStatus
	for _, file := range m.files {
		list = append(list, MigrationStatus{Name: file.name, AppliedAt: plan.applied[file.version]})
	}
	for _, row := range plan.unknown {
		list = append(list, MigrationStatus{Name: strconv.FormatInt(row.version, 10) + " (not known to this program)", AppliedAt: row.at})
	}
	return list, nil
}

// Plan is what Up and Down would do.
type Plan struct {
	Target   string   // database, host and role
	Pending  []string // names, oldest first
	Latest   string   // that Down rolls back; "": none
	Stays    bool     // that one has no statement to undo it
	Warnings []string // statements of pending migrations that lock a table for long, each with what to write instead
}

// Plan returns what Up and Down would do, and changes nothing. Where they would
// refuse, it returns their error (see Up) beside the plan.
func (m *Migrator) Plan(ctx context.Context) (Plan, error) {
	found, err := m.plan(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("plan migrations: %w", err)
	}
	plan := Plan{Target: fmt.Sprintf("database %s on %s as %s", m.cfg.Database, m.cfg.Host, m.cfg.User)}
	if found.latest != nil {
		plan.Latest, plan.Stays = found.latest.name, len(sqlTokens(found.latest.part("DOWN"))) == 0
	}
	for _, file := range found.pending {
		plan.Pending = append(plan.Pending, file.name)
	}
	if err := found.refuse(); err != nil {
		return plan, err
	}
	plan.Warnings, err = m.lint(ctx, found.pending)
	if err != nil {
		return plan, fmt.Errorf("read pending migrations: %w", oneLine{err})
	}
	return plan, nil
}
