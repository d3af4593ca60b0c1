package db

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// catalogue answers the linter's questions about tables. Where PostgreSQL refuses
// a question (no right to read, a lock, a time-out), the answer is the careful one
// that the question names; any other error is kept in err.
type catalogue struct {
	ctx   context.Context
	sql   *sql.DB
	names map[string]string // new names of tables that exist
	err   error
}

// catalogueLimits bound a question, since one about rows may meet a lock. The
// server keeps them: a client's request to cancel can end PgBouncer 1.18.
const catalogueLimits = "SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '2s'"

func (c *catalogue) ask(careful bool, target any, query string, args ...any) {
	err := c.query(target, query, args...)
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return
	}
	if _, refused := errors.AsType[*pgconn.PgError](err); !refused {
		c.err = errors.Join(c.err, err)
		return
	}
	if value, ok := target.(*bool); ok {
		*value = careful
	}
}

func (c *catalogue) query(target any, query string, args ...any) error {
	tx, err := c.sql.BeginTx(c.ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(c.ctx, catalogueLimits); err != nil {
		return err
	}
	return tx.QueryRowContext(c.ctx, query, args...).Scan(target)
}

// known is the name that a table has now.
func (c *catalogue) known(table string) string {
	if old, ok := c.names[table]; ok {
		return old
	}
	return table
}

func (c *catalogue) renamed(name, table string) {
	if c.names == nil {
		c.names = map[string]string{}
	}
	c.names[name] = c.known(table)
}

func (c *catalogue) exists(table string) (is bool) {
	c.ask(false, &is, "SELECT to_regclass($1) IS NOT NULL", c.known(table))
	return is
}

// hasRows may only be asked about a table that exists.
func (c *catalogue) hasRows(table string) (is bool) {
	c.ask(true, &is, "SELECT EXISTS (SELECT FROM "+c.known(table)+")")
	return is
}

// volatile reports that one of the functions is volatile, or does not exist yet.
func (c *catalogue) volatile(functions []string) (is bool) {
	c.ask(true, &is, `SELECT EXISTS (SELECT FROM pg_proc WHERE proname = ANY ($1) AND provolatile = 'v')
		OR EXISTS (SELECT FROM unnest($1::text[]) AS f (name) WHERE NOT EXISTS (SELECT FROM pg_proc WHERE proname = name)
			AND NOT EXISTS (SELECT FROM pg_type WHERE typname = name) AND name NOT IN (SELECT word FROM pg_get_keywords()))`, functions)
	return is
}

func (c *catalogue) columnType(table, column string) (name string) {
	c.ask(false, &name, `SELECT format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = to_regclass($1) AND attname = $2`, c.known(table), bare(column))
	return name
}

// notNull reports that a column is known to hold no null. PostgreSQL then does not
// read the table for SET NOT NULL.
func (c *catalogue) notNull(table, column string) (is bool) {
	c.ask(false, &is, `SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND attnotnull)
		OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass($1) AND contype = 'c' AND convalidated
			AND pg_get_expr(conbin, conrelid) = format('(%I IS NOT NULL)', $2::text))`, c.known(table), bare(column))
	return is
}

// checkedColumn is the column that a constraint says is not null.
func (c *catalogue) checkedColumn(table, constraint string) (column string) {
	c.ask(false, &column, `SELECT a.attname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
		WHERE c.conrelid = to_regclass($1) AND c.conname = $2 AND c.contype = 'c'
			AND pg_get_expr(c.conbin, c.conrelid) = format('(%I IS NOT NULL)', a.attname)`, c.known(table), bare(constraint))
	return column
}

func (c *catalogue) hasCheck(table string) (is bool) {
	c.ask(false, &is, "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass($1) AND contype = 'c' AND convalidated)", c.known(table))
	return is
}

// bare is a name as the catalogue has it.
func bare(name string) string { return strings.ReplaceAll(strings.Trim(name, `"`), `""`, `"`) }
