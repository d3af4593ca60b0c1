package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// linter reads the migrations that are to come and warns of statements that
// lock a table for long. It looks at words, not at PostgreSQL's grammar, and asks
// the catalogue about the tables. It lets pass what it does not recognise, and does
// not look into DO blocks and functions.
type linter struct {
	catalogue
	created map[string]bool // tables that the migrations make: nobody uses them yet
	loose   map[string]bool // table and constraint, added NOT VALID in this migration
	proven  map[string]bool // table and column: a validated CHECK says that it is not null
	checks  map[string]string
	warn    func(message string)
}

const noTransaction = "in a migration of its own with -- +goose NO TRANSACTION"

// lint returns a line for each statement that locks a table for long, with what
// to write instead.
func (m *Migrator) lint(ctx context.Context, files []migrationFile) (warnings []string, err error) {
	l := linter{
		catalogue: catalogue{ctx: ctx, sql: m.sql},
		created:   map[string]bool{}, proven: map[string]bool{}, checks: map[string]string{},
	}
	for _, file := range files {
		text, single := file.upText(), !file.annotated("NO TRANSACTION")
		l.loose = map[string]bool{}
		statements := sqlStatements(sqlTokens(text))
		for _, tokens := range statements {
			line := 1 + strings.Count(text[:tokens[0].offset], "\n")
			l.warn = func(message string) {
				warnings = append(warnings, fmt.Sprintf("%s:%d: %s", file.name, line, message))
			}
			l.statement(sqlReader{tokens: tokens}, single)
		}
	}
	return warnings, l.err
}

func (l *linter) statement(r sqlReader, inTransaction bool) {
	if inTransaction && outsideOnly(r) {
		l.warn("this statement cannot run in a transaction: put it " + noTransaction)
		return
	}
	if create, ok := r.createIndex(); ok {
		l.createIndex(create)
		return
	}
	if reindex, ok := r.reindex(); ok {
		if !reindex.concurrently {
			l.warn("REINDEX locks the table against writes while it runs: REINDEX " + reindex.kind + " CONCURRENTLY, " + noTransaction)
		}
		return
	}
	if table := r.alterTable(); table != "" {
		l.alterTable(table, r)
		return
	}
	l.other(r)
}

// outsideOnly recognises what PostgreSQL refuses in a transaction.
func outsideOnly(r sqlReader) bool {
	create, isCreate := r.createIndex()
	reindex, isReindex := r.reindex()
	drop := r.accept("DROP", "INDEX", "CONCURRENTLY")
	detach := r.alterTable() != "" && r.accept("DETACH", "PARTITION") && r.has("CONCURRENTLY")
	return isCreate && create.concurrently || isReindex && reindex.concurrently || drop || detach || r.accept("VACUUM")
}

func (l *linter) createIndex(s indexStatement) {
	if !s.concurrently && l.used(s.table) && l.hasRows(s.table) {
		l.warn("CREATE INDEX locks " + s.table + " against writes while it runs: CREATE INDEX CONCURRENTLY IF NOT EXISTS, " + noTransaction)
	}
}

// used reports that a table exists before the migrations.
func (l *linter) used(table string) bool { return !l.created[table] && l.exists(table) }

func (l *linter) other(r sqlReader) {
	switch {
	case r.accept("CREATE"):
		r.acceptAny("UNLOGGED", "GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "FOREIGN", "MATERIALIZED")
		if r.accept("TABLE") || r.accept("VIEW") {
			maybe := r.accept("IF", "NOT", "EXISTS")
			name := r.name()
			l.created[name] = l.created[name] || !maybe || !l.exists(name)
		}
	case r.accept("VACUUM"):
		options := r.parens()
		if r.accept("FULL") || options.has("FULL") && !options.has("FULL", "FALSE") && !options.has("FULL", "OFF") {
			l.warn("VACUUM FULL locks the table against reads and writes while it copies it: plain VACUUM, or the extension pg_repack")
		}
	case r.accept("CLUSTER"):
		l.warn("CLUSTER locks the table against reads and writes while it copies it: the extension pg_repack")
	case r.accept("REFRESH", "MATERIALIZED", "VIEW") && !r.has("CONCURRENTLY") && !r.has("WITH", "NO", "DATA"):
		if view := r.name(); l.used(view) {
			l.warn("REFRESH MATERIALIZED VIEW locks " + view + " against reads while it runs: REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index")
		}
	}
}

func (l *linter) alterTable(table string, r sqlReader) {
	if r.accept("RENAME", "TO") {
		name := r.name()
		l.created[name] = !l.used(table)
		if l.used(table) {
			l.renamed(name, table)
		}
		return
	}
	if !l.used(table) {
		return
	}
	for _, action := range r.list() {
		l.action(table, action)
	}
}

func (l *linter) action(table string, r *sqlReader) {
	switch {
	case r.accept("ADD"):
		l.add(table, r)
	case r.accept("ALTER"):
		r.accept("COLUMN")
		l.alterColumn(table, r.name(), r)
	case r.accept("VALIDATE", "CONSTRAINT"):
		l.validate(table, r.name())
	case r.accept("SET", "LOGGED"), r.accept("SET", "UNLOGGED"), r.accept("SET", "TABLESPACE"), r.accept("SET", "ACCESS", "METHOD"):
		l.warn("this rewrites " + table + " while it is locked against reads and writes: make a new table and copy in batches, or the extension pg_repack")
	case r.accept("ATTACH", "PARTITION"):
		l.attach(r)
	}
}

func (l *linter) attach(r *sqlReader) {
	if partition := r.name(); l.used(partition) && !r.has("DEFAULT") && l.hasRows(partition) && !l.hasCheck(partition) {
		l.warn("ATTACH PARTITION reads all of " + partition + " while it is locked: first ADD CONSTRAINT … CHECK (the partition's bounds) NOT VALID, then VALIDATE CONSTRAINT, in migrations of their own")
	}
}

func (l *linter) validate(table, constraint string) {
	if l.loose[table+" "+constraint] {
		l.warn("VALIDATE CONSTRAINT runs under the lock of ADD CONSTRAINT in the same migration: put it into a migration of its own")
	}
	if column := l.checks[table+" "+constraint]; column != "" {
		l.proven[table+" "+column] = true
	} else if column := l.checkedColumn(table, constraint); column != "" {
		l.proven[table+" "+column] = true
	}
}

func (l *linter) alterColumn(table, column string, r *sqlReader) {
	r.accept("SET", "DATA")
	switch {
	case r.accept("SET", "NOT", "NULL"):
		if !l.proven[table+" "+column] && !l.notNull(table, column) {
			l.warn(fmt.Sprintf("SET NOT NULL reads all of %s while it is locked against reads and writes: first ADD CONSTRAINT … CHECK (%s IS NOT NULL) NOT VALID, "+
				"then VALIDATE CONSTRAINT in the next migration, then SET NOT NULL, then DROP CONSTRAINT", table, column))
		}
	case r.accept("TYPE"):
		l.alterType(table, column, r)
	}
}

// alterType passes what PostgreSQL does without rewriting the table.
func (l *linter) alterType(table, column string, r *sqlReader) {
	to := *r
	if using := slices.IndexFunc(to.tokens, func(t sqlToken) bool { return t.is("USING") }); using >= 0 {
		to.tokens = to.tokens[:using]
	}
	if !r.has("USING") && widens(l.columnType(table, column), to.text()) {
		return
	}
	l.warn(fmt.Sprintf("changing the type of %s.%s rewrites the table while it is locked against reads and writes: add a new column, "+
		"write to both, fill it in batches, and drop the old one in a later release", table, column))
}
