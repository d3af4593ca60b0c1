package db

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// column is one of a table's, or one that a model has.
type column struct {
	kind     string // its type, as PostgreSQL writes it, without length; "" where it is not known
	category string // of the type, by pg_type
	notNull  bool
	filled   bool // by the table, where an INSERT names no value
}

// columns compares the tables with the program's models. What a model lacks is
// no fault, unless no row could be inserted without it.
func (d *doctor) columns(ctx context.Context) (Finding, error) {
	if len(d.around.Models) == 0 {
		return Finding{Status: Sound, Detail: "this program has no models"}, nil
	}
	if d.pending {
		return d.notMigrated(), nil
	}
	var faults, tables []string
	compared := 0
	for _, model := range d.around.Models {
		table, wanted, err := d.wantedColumns(ctx, model)
		if err != nil {
			return Finding{}, err
		}
		there, err := d.columnsOf(ctx, table)
		if err != nil {
			return Finding{}, err
		}
		faults = append(faults, compareColumns(table, wanted, there)...)
		compared, tables = compared+len(wanted), append(tables, quoteName(table))
	}
	if len(faults) > 0 {
		return Finding{
			Status: Fail, Detail: strings.Join(faults, "; "),
			Advice: "write a migration that makes the table as the model has it, or correct the model's tags",
		}, nil
	}
	detail := fmt.Sprintf("%s of %s are as the models have them", count(compared, "column"), count(len(tables), "table"))
	others, err := d.otherTables(ctx, tables)
	if len(others) > 0 {
		detail += "; not compared, as no model is listed: " + strings.Join(others, ", ")
	}
	return Finding{Status: Sound, Detail: detail}, err
}

// othersSQL leaves out the tables of extensions and of the migrator.
const othersSQL = `
SELECT c.relname::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (current_schemas(false)) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'goose_db_version'
	AND c.oid NOT IN (SELECT coalesce(to_regclass(name)::oid, 0) FROM unnest($1::text[]) AS name)
	AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
ORDER BY 1`

func (d *doctor) otherTables(ctx context.Context, tables []string) ([]string, error) {
	rows, err := d.conn.Query(ctx, othersSQL, tables)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func (d *doctor) notMigrated() Finding {
	return Finding{Status: Warn, Detail: "not compared, as migrations are pending", Advice: "migrate, and check again"}
}

func compareColumns(table string, wanted, there map[string]column) (faults []string) {
	if len(there) == 0 {
		return []string{"table " + table + " is missing"}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		want, place := wanted[name], table+"."+name
		switch have, ok := there[name]; {
		case !ok:
			faults = append(faults, place+" is missing")
		case !want.fits(have):
			faults = append(faults, fmt.Sprintf("%s is of type %s, the model's is %s", place, have.kind, want.kind))
		case want.notNull && !have.notNull:
			faults = append(faults, place+" may be NULL, and the model's may not")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if have := there[name]; wanted[name] == (column{}) && have.notNull && !have.filled {
			faults = append(faults, fmt.Sprintf("%s.%s is NOT NULL without a default, and no model has it: no row can be inserted", table, name))
		}
	}
	return faults
}

// fits passes any type of texts for another, such as one with a length or an enum.
func (c column) fits(have column) bool {
	texts := c.category == "S" && (have.category == "S" || have.category == "E")
	return c.kind == "" || c.kind == have.kind || texts
}

// wantedColumns are a model's, as GORM would make them.
func (d *doctor) wantedColumns(ctx context.Context, model any) (table string, columns map[string]column, err error) {
	offline, err := gorm.Open(postgres.New(postgres.Config{Conn: struct{ gorm.ConnPool }{}}), &gorm.Config{DisableAutomaticPing: true})
	if err != nil {
		return "", nil, err
	}
	stmt := &gorm.Statement{DB: offline}
	if err := stmt.Parse(model); err != nil {
		return "", nil, fmt.Errorf("model %T: %w", model, err)
	}
	columns = map[string]column{}
	for _, field := range stmt.Schema.Fields {
		if field.DBName == "" || field.IgnoreMigration {
			continue
		}
		c, err := d.columnType(ctx, offline.Migrator().(postgres.Migrator).DataTypeOf(field))
		if err != nil {
			return "", nil, err
		}
		c.notNull = field.NotNull || field.PrimaryKey
		columns[field.DBName] = c
	}
	return stmt.Schema.Table, columns, nil
}

var serials = map[string]string{"smallserial": "smallint", "serial": "integer", "bigserial": "bigint"}

// columnType asks the server how it calls a type. What it can not read, such as a
// tag that says more than a type, is not compared.
func (d *doctor) columnType(ctx context.Context, kind string) (c column, err error) {
	if plain, ok := serials[strings.ToLower(kind)]; ok {
		kind = plain
	}
	if c, ok := d.types[kind]; ok {
		return c, nil
	}
	const query = "SELECT format_type(oid, NULL), typcategory::text FROM pg_type WHERE oid = to_regtype($1)"
	err = d.conn.QueryRow(ctx, query, kind).Scan(&c.kind, &c.category)
	if _, refused := errors.AsType[*pgconn.PgError](err); refused || errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	d.types[kind] = c
	return c, err
}

// columnsSQL takes the type below a domain. A view knows of no NOT NULL.
const columnsSQL = `
SELECT a.attname::text, format_type(coalesce(base.oid, t.oid), NULL), coalesce(base.typcategory, t.typcategory)::text,
	a.attnotnull OR t.typnotnull OR c.relkind IN ('v', 'm', 'f'), a.atthasdef OR a.attidentity <> '' OR c.relkind IN ('v', 'm', 'f') OR t.typdefault IS NOT NULL
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type base ON base.oid = t.typbasetype
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped`

func (d *doctor) columnsOf(ctx context.Context, table string) (map[string]column, error) {
	rows, err := d.conn.Query(ctx, columnsSQL, quoteName(table))
	if err != nil {
		return nil, err
	}
	columns := map[string]column{}
	var name string
	var c column
	_, err = pgx.ForEachRow(rows, []any{&name, &c.kind, &c.category, &c.notNull, &c.filled}, func() error {
		columns[name] = c
		return nil
	})
	return columns, err
}

// quoteName writes a table's name as GORM does, with its schema or without.
func quoteName(table string) string { return pgx.Identifier(strings.Split(table, ".")).Sanitize() }
