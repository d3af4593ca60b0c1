package db_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// budgetRole makes a role for one test and returns the database's URL for it.
func budgetRole(t *testing.T, database, attributes string) (name, roleURL string) {
	t.Helper()
	name = "budget_" + strings.ToLower(rand.Text()[:12])
	dbtest.Exec(t, database, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'budget' %s", name, attributes))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), poolPatience) // the test's own is over
		defer cancel()
		conn, err := pgx.Connect(ctx, database)
		if err == nil {
			_, err = conn.Exec(ctx, "DROP ROLE "+name)
			err = errors.Join(err, conn.Close(ctx))
		}
		if err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(name, "budget")
	return name, u.String()
}

// TestBudget_Limits: the least of the server's, the role's and the database's
// limit counts, and the message says which one it is. Superusers are bound by
// the server's alone.
func TestBudget_Limits(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		role, database string
		allowed        int // 0: the server's
		says           string
	}{
		"none":                     {"", "-1", 0, "the server allows %d: lower DB_POOL_SIZE, DB_MAX_OVERFLOW or DB_INSTANCES, or raise max_connections"},
		"the role's":               {"CONNECTION LIMIT 7", "-1", 7, "role %s allows 7: lower DB_POOL_SIZE, DB_MAX_OVERFLOW or DB_INSTANCES, or raise the role's CONNECTION LIMIT"},
		"the database's":           {"", "6", 6, "database %s allows 6: lower DB_POOL_SIZE, DB_MAX_OVERFLOW or DB_INSTANCES, or raise the database's CONNECTION LIMIT"},
		"the role's is less":       {"CONNECTION LIMIT 5", "6", 5, "role %s allows 5"},
		"the database's is less":   {"CONNECTION LIMIT 7", "6", 6, "database %s allows 6"},
		"both above the server's":  {"CONNECTION LIMIT 100000", "100000", 0, "the server allows %d"},
		"a superuser is not bound": {"SUPERUSER CONNECTION LIMIT 7", "6", 0, "the server allows %d"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := dbtest.Things(t)
			role, target := budgetRole(t, database, test.role)
			watch := dbtest.Connect(t, database)
			var dbname string
			var server int
			const limits = `SELECT current_database(), current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
				- coalesce(current_setting('reserved_connections', true)::int, 0)`
			if err := watch.QueryRow(t.Context(), limits).Scan(&dbname, &server); err != nil {
				t.Fatal(err)
			}
			dbtest.Exec(t, database, fmt.Sprintf("ALTER DATABASE %s CONNECTION LIMIT %s", dbname, test.database))
			opts := poolOptions(target, 1, 0)
			budget, over := budgetOf(t, opts, 1), budgetOf(t, opts, 10000)
			want, names := test.allowed, map[bool]string{true: role, false: dbname}[strings.HasPrefix(test.says, "role")]
			says := strings.ReplaceAll(test.says, "%s", names)
			if want == 0 {
				want = server
				says = strings.ReplaceAll(says, "%d", fmt.Sprint(server))
			}
			if err := over.Err(); budget.Allowed != want || budget.Err() != nil || err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%+v and 10000 of them: %v, want %d: %s", budget, err, want, says)
			}
			if err := budgetOf(t, opts, want).Err(); err != nil {
				t.Errorf("all of %d is too much: %v", want, err)
			}
			if budgetOf(t, opts, want+1).Err() == nil {
				t.Errorf("%d of %d is not too much", want+1, want)
			}
		})
	}
}

func budgetOf(t *testing.T, opts db.Options, instances int) db.Budget {
	t.Helper()
	budget, err := opts.Budget(t.Context(), instances)
	if err != nil {
		t.Fatal(err)
	}
	return budget
}
