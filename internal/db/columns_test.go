package db_test

import (
	"database/sql"
	"fmt"
	"reflect"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"
)

// columnValues are values of all types that PostgreSQL has, or makes in another way.
var columnValues = []string{
	"true", "false", "1::int2", "-2::int4", "3::int8", "4.5::float4", "'-Infinity'::float8", "'NaN'::numeric", "1.50::numeric(5,2)", "7::numeric",
	"'a'::text", "''::text", "'b'::varchar", "'c'::varchar(9)", "'d'::char(3)", `'"e"'::"char"`, "'f'::name", `'\x00ff'::bytea`, `''::bytea`,
	"'2026-01-02'::date", "'infinity'::date", "'2026-01-02 03:04:05.6'::timestamp", "'-infinity'::timestamp", "'2026-01-02 03:04:05.678901+05'::timestamptz",
	"'infinity'::timestamptz", "'0044-03-15 12:00+00 BC'::timestamptz", "'0044-03-15 BC'::date", "'12:34:56.7'::time", "'12:34:56+02'::timetz", "'1 day 2 hours'::interval",
	"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", `'{"a": [1, null]}'::json`, `'{"a": "ä"}'::jsonb`, "'<a/>'::xml", "'$.a'::jsonpath",
	"ARRAY[1, NULL, 3]", "ARRAY['a', NULL, '\"b,']", "ARRAY[true]", "ARRAY['2026-01-02'::timestamptz]", `ARRAY['{}'::jsonb]`, `ARRAY['\xff'::bytea]`, "ARRAY[[1, 2], [3, 4]]",
	"'[1,5)'::int4range", "'empty'::tstzrange", "'{[1,2), [5,6)}'::int4multirange", "ROW(1, 'a')", "'10.0.0.1/8'::inet", "'10.0.0.0/8'::cidr", "'08:00:2b:01:02:03'::macaddr",
	"B'101'", "B'101'::varbit(9)", "'(1,2)'::point", "'<(1,2),3>'::circle", "'12.34'::money", "'a & b'::tsquery", "'a b'::tsvector",
	"12::oid", "'13'::xid", "'14'::cid", "'pg_class'::regclass", "'(0,1)'::tid", "'0/16B3748'::pg_lsn", "'happy'::mood", "'h'::short",
}

// TestColumnsAsByPgx reads each value, and what is told of its column, in a session and through pgx's own driver.
func TestColumnsAsByPgx(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	other, err := sql.Open("pgx", url)
	sessionMust(t, err)
	defer other.Close()
	_, err = other.Exec("CREATE TYPE mood AS ENUM ('happy'); CREATE DOMAIN short AS varchar(5)")
	sessionMust(t, err)
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		for _, value := range columnValues {
			query := fmt.Sprintf("SELECT %s AS v UNION ALL SELECT NULL", value)
			if strings.HasSuffix(value, "::json") || strings.Contains(value, "::xid") || strings.Contains(value, "::cid") || strings.Contains(value, "::xml") {
				query = fmt.Sprintf("SELECT %s AS v", value)
			}
			got, want := columnOf(t, tx.Raw(query).Rows), columnOf(t, func() (*sql.Rows, error) { return other.Query(query) })
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s, want %s", value, got, want)
			}
		}
		return nil
	}))
}

// columnOf is what a program can get to know of a query's column.
func columnOf(t *testing.T, ask func() (*sql.Rows, error)) (seen []string) {
	t.Helper()
	rows, err := ask()
	sessionMust(t, err)
	defer rows.Close()
	types, err := rows.ColumnTypes()
	sessionMust(t, err)
	for _, c := range types {
		length, sized := c.Length()
		precision, scale, numeric := c.DecimalSize()
		seen = append(seen, fmt.Sprint(c.Name(), c.DatabaseTypeName(), c.ScanType(), length, sized, precision, scale, numeric))
	}
	for rows.Next() {
		var value any
		sessionMust(t, rows.Scan(&value))
		seen = append(seen, fmt.Sprintf("%T %v", value, value))
	}
	sessionMust(t, rows.Err())
	return seen
}
