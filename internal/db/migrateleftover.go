package db

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// A statement with CONCURRENTLY that is cut off leaves something behind. CREATE
// INDEX and REINDEX leave an index that is marked invalid: no query uses it, and
// every write pays for it. DETACH PARTITION leaves a partition half detached. With
// these the next attempt fails, or IF NOT EXISTS skips it.

// clearLeftovers removes what an earlier attempt of the statement, in this
// process or another one, has left behind. It returns the statement to run.
func (m *Migrator) clearLeftovers(ctx context.Context, conn *migrationConn, statement string) (string, error) {
	if rest, pending, err := m.pendingDetach(ctx, statement); err != nil || pending {
		return rest, err
	}
	invalid, err := m.invalidIndexes(ctx, statement)
	if err != nil {
		return "", err
	}
	for _, index := range invalid {
		m.log.WarnContext(ctx, "dropping an invalid index that an earlier attempt has left behind", "index", index, "migration", m.run.name())
		if _, err := conn.execBounded(ctx, "DROP INDEX CONCURRENTLY IF EXISTS "+index); err != nil {
			return "", fmt.Errorf("drop the invalid index %s: %w", index, err)
		}
	}
	return statement, nil
}

// invalidIndexes are those that the statement has left behind: of CREATE INDEX
// under the name that it gives, of REINDEX under names of PostgreSQL's. One
// that another backend is building is not left behind.
func (m *Migrator) invalidIndexes(ctx context.Context, statement string) (names []string, err error) {
	reader := sqlReader{tokens: sqlTokens(statement)}
	pattern, target := "", ""
	if create, ok := reader.createIndex(); ok && create.concurrently && create.name != "" {
		pattern, target = "^"+regexp.QuoteMeta(bare(create.name))+"$", create.table
	} else if reindex, ok := reader.reindex(); ok && reindex.concurrently && (reindex.kind == "INDEX" || reindex.kind == "TABLE") {
		pattern, target = `_cc(new|old)\d*$`, reindex.name
	}
	if target == "" {
		return nil, nil
	}
	const query = `SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE NOT i.indisvalid AND c.relname ~ $2
			AND i.indrelid IN (SELECT to_regclass($1) UNION SELECT indrelid FROM pg_index WHERE indexrelid = to_regclass($1))
			AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)`
	rows, err := m.sql.QueryContext(ctx, query, target, pattern)
	if err != nil {
		return nil, fmt.Errorf("look for invalid indexes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// pendingDetach turns DETACH PARTITION … CONCURRENTLY into … FINALIZE where the
// first was cut off: PostgreSQL refuses to begin it again.
func (m *Migrator) pendingDetach(ctx context.Context, statement string) (rest string, pending bool, err error) {
	reader := sqlReader{tokens: sqlTokens(statement)}
	table := reader.alterTable()
	if table == "" || !reader.accept("DETACH", "PARTITION") {
		return statement, false, nil
	}
	partition := reader.name()
	if !reader.accept("CONCURRENTLY") {
		return statement, false, nil
	}
	const query = `SELECT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = to_regclass($1) AND to_jsonb(i) ->> 'inhdetachpending' = 'true')`
	if err := m.sql.QueryRowContext(ctx, query, partition).Scan(&pending); err != nil || !pending {
		return statement, false, err
	}
	m.log.WarnContext(ctx, "finishing the detachment of a partition that an earlier attempt has begun", "partition", partition, "migration", m.run.name())
	return fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s FINALIZE", table, partition), true, nil
}

// leftBehind says what has to be cleared away by hand if the migration is not
// run again, or "".
func (m *Migrator) leftBehind(ctx context.Context, statement string) string {
	if invalid, err := m.invalidIndexes(ctx, statement); err == nil && len(invalid) > 0 {
		return fmt.Sprintf("it left the invalid index %s, which the next attempt drops; by hand: DROP INDEX CONCURRENTLY %s",
			strings.Join(invalid, ", "), strings.Join(invalid, ", "))
	}
	if rest, pending, err := m.pendingDetach(ctx, statement); err == nil && pending {
		return "the partition is half detached, which the next attempt ends; by hand: " + rest
	}
	return ""
}
