package db

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// invalidSQL leaves out what another backend is building just now.
const invalidSQL = `
SELECT i.indexrelid::regclass::text
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND n.nspname = ANY (current_schemas(false))
	AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
ORDER BY 1`

// indexes finds what a migration that was cut off has left behind, and what of the
// migrations' indexes is no longer there.
func (d *doctor) indexes(ctx context.Context) (Finding, error) {
	rows, err := d.conn.Query(ctx, invalidSQL)
	if err != nil {
		return Finding{}, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return Finding{}, err
	}
	if len(names) > 0 {
		return Finding{
			Status: Warn, Detail: "invalid: " + strings.Join(names, ", ") + "; no query uses them, and every write pays for them",
			Advice: "run api migrate if a migration was cut off; else DROP INDEX CONCURRENTLY, or REINDEX INDEX CONCURRENTLY",
		}, nil
	}
	if d.pending {
		return d.notMigrated(), nil
	}
	return d.missingIndexes(ctx)
}

// missingSQL looks for each on its table, wherever that is.
const missingSQL = `
SELECT name || ' on ' || "table", "unique"
FROM unnest($1::text[], $2::text[], $3::bool[]) AS wanted (name, "table", "unique")
WHERE NOT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
	WHERE i.indrelid = to_regclass("table") AND c.relname = name AND i.indisunique = "unique")
ORDER BY 1`

// missingIndexes is a fault where one kept rows unique, and else costs time alone.
func (d *doctor) missingIndexes(ctx context.Context) (Finding, error) {
	files, err := readMigrations(d.opts.migrations())
	if err != nil {
		return Finding{}, err
	}
	var names, tables []string
	var uniques []bool
	for _, index := range migratedIndexes(files) {
		names, tables, uniques = append(names, bare(index.name)), append(tables, index.table), append(uniques, index.unique)
	}
	rows, err := d.conn.Query(ctx, missingSQL, names, tables, uniques)
	if err != nil {
		return Finding{}, err
	}
	var missing []string
	var name string
	var unique bool
	status := Warn
	_, err = pgx.ForEachRow(rows, []any{&name, &unique}, func() error {
		missing = append(missing, name)
		if unique {
			status = Fail
		}
		return nil
	})
	if len(missing) > 0 {
		return Finding{
			Status: status, Detail: "missing: " + strings.Join(missing, ", ") + ", which the migrations make",
			Advice: "make them as the migration has them, with CREATE INDEX CONCURRENTLY; or write a migration that drops them",
		}, err
	}
	return Finding{Status: Sound, Detail: fmt.Sprintf("none of the migrations' %d is missing, and none is invalid", len(names))}, err
}

// migratedIndexes are those that are there when all migrations are applied, as far
// as their statements tell: not those of constraints, without a name, or made in a
// DO block.
func migratedIndexes(files []migrationFile) (indexes []indexStatement) {
	for _, file := range files {
		for _, tokens := range sqlStatements(sqlTokens(file.upText())) {
			indexes = afterStatement(indexes, sqlReader{tokens: tokens})
		}
	}
	return indexes
}

// afterStatement adds the index that a statement makes, and takes away those that
// go with what it drops.
func afterStatement(indexes []indexStatement, r sqlReader) []indexStatement {
	if index, ok := r.createIndex(); ok {
		if index.name == "" || slices.ContainsFunc(indexes, func(i indexStatement) bool { return i.name == index.name }) {
			return indexes
		}
		return append(indexes, index)
	}
	switch {
	case r.accept("DROP", "INDEX"), r.accept("DROP", "TABLE"):
		r.accept("CONCURRENTLY")
		r.accept("IF", "EXISTS")
		for _, part := range r.list() {
			name := part.name()
			indexes = slices.DeleteFunc(indexes, func(i indexStatement) bool { return i.name == unqualified(name) || i.on(name) })
		}
	case r.accept("ALTER", "INDEX"):
		r.accept("IF", "EXISTS")
		if name := r.name(); r.accept("RENAME", "TO") {
			to := r.name()
			for i := range indexes {
				if indexes[i].name == unqualified(name) {
					indexes[i].name = to
				}
			}
		}
	default:
		if table := r.alterTable(); table != "" {
			return afterAlterTable(indexes, table, r)
		}
	}
	return indexes
}

func afterAlterTable(indexes []indexStatement, table string, r sqlReader) []indexStatement {
	renamed, moved := r.accept("RENAME", "TO"), r.accept("SET", "SCHEMA")
	if renamed || moved {
		to := r.name()
		for i := range indexes {
			switch at := &indexes[i].table; {
			case !indexes[i].on(table):
			case moved:
				*at = to + "." + unqualified(*at)
			default:
				*at = strings.TrimSuffix(*at, unqualified(*at)) + to
			}
		}
		return indexes
	}
	for _, action := range r.list() {
		using := *action
		switch {
		case using.find("USING", "INDEX"): // the index becomes the constraint's, and has its name
			name := using.name()
			indexes = slices.DeleteFunc(indexes, func(i indexStatement) bool { return i.name == name })
		case action.accept("DROP") && !action.accept("CONSTRAINT"):
			action.accept("COLUMN")
			action.accept("IF", "EXISTS")
			column := action.name()
			indexes = slices.DeleteFunc(indexes, func(i indexStatement) bool { return i.on(table) && slices.Contains(i.words, column) })
		}
	}
	return indexes
}

// on reports that the index is on the table, which may be named with its schema or
// without.
func (s indexStatement) on(table string) bool {
	bare := s.table == unqualified(s.table) || table == unqualified(table)
	return s.table == table || bare && unqualified(s.table) == unqualified(table)
}

// unqualified leaves the schema out.
func unqualified(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
