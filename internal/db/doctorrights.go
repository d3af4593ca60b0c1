package db

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// tablesSQL lists the tables of the schemas that are searched, each with the
// rights that the role has not. Those of extensions are not the service's, and
// the migrations look after their own.
const tablesSQL = `
SELECT c.oid::regclass::text, array_to_string(ARRAY(
		SELECT privilege FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
		WHERE NOT has_table_privilege(c.oid, privilege)), ', ')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (current_schemas(false)) AND c.relkind IN ('r', 'p') AND c.relname <> 'goose_db_version'
	AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
UNION ALL
SELECT c.oid::regclass::text, 'USAGE'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (current_schemas(false)) AND CASE c.relkind WHEN 'S' THEN NOT has_sequence_privilege(c.oid, 'USAGE') END
	AND EXISTS (SELECT FROM pg_depend -- of a serial column
		WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'a' AND refobjid <> coalesce(to_regclass('goose_db_version')::oid, 0))
ORDER BY 1`

func (d *doctor) rights(ctx context.Context) (Finding, error) {
	var role, schema string
	var super, create bool
	const query = `SELECT current_user::text, rolsuper, coalesce(current_schema()::text, ''), coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)
		FROM pg_roles WHERE rolname = current_user`
	if err := d.conn.QueryRow(ctx, query).Scan(&role, &super, &schema, &create); err != nil {
		return Finding{}, err
	}
	tables, missing, err := d.missingRights(ctx)
	if err != nil {
		return Finding{}, err
	}
	switch {
	case schema == "":
		return Finding{Status: Fail, Detail: fmt.Sprintf("role %s may use no schema of its search_path", role), Advice: "GRANT USAGE ON SCHEMA … TO " + role}, nil
	case len(missing) > 0:
		return Finding{
			Status: Fail, Detail: fmt.Sprintf("role %s may not %s", role, strings.Join(missing, "; ")),
			Advice: "GRANT it, and ALTER DEFAULT PRIVILEGES for the tables to come; or let the tables belong to the role",
		}, nil
	case super:
		return Finding{
			Status: Warn, Detail: fmt.Sprintf("role %s is a superuser: whoever gets at it has the server", role),
			Advice: "CREATE ROLE … LOGIN, own the schema with it, and name it in DATABASE_URL",
		}, nil
	case d.around.Migrates && !create:
		return Finding{
			Status: Warn, Detail: fmt.Sprintf("role %s may not create in schema %s: it can apply no migration", role, schema),
			Advice: "set AUTO_MIGRATE=false and migrate with another role, or GRANT CREATE ON SCHEMA " + schema,
		}, nil
	default:
		return Finding{Status: Sound, Detail: fmt.Sprintf("role %s may read and write %s in schema %s", role, count(tables, "table"), schema)}, nil
	}
}

// missingRights returns how many tables there are, and what the role may not do.
func (d *doctor) missingRights(ctx context.Context) (tables int, missing []string, err error) {
	rows, err := d.conn.Query(ctx, tablesSQL)
	if err != nil {
		return 0, nil, err
	}
	var name, privileges string
	_, err = pgx.ForEachRow(rows, []any{&name, &privileges}, func() error {
		tables++
		if privileges != "" {
			missing = append(missing, privileges+" on "+name)
		}
		return nil
	})
	return tables, missing, err
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
