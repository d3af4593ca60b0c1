package db_test

import (
	"context"
	"io/fs"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// examined is what Examine has found, by name.
type examined map[string]db.Finding

func examine(t *testing.T, opts db.Options, around db.Surroundings) examined {
	t.Helper()
	if around.Instances == 0 {
		around.Instances = 1
	}
	found := examined{}
	for _, f := range db.Examine(t.Context(), opts, around) {
		if strings.Contains(f.Detail+f.Advice, "hunter2") || strings.Contains(f.Detail+f.Advice, "\n") {
			t.Errorf("a password, or more than one line: %+v", f)
		}
		if f.Status != db.Sound && f.Advice == "" {
			t.Errorf("no advice: %+v", f)
		}
		found[f.Name] = f
	}
	return found
}

// wants reports a finding that differs.
func (found examined) wants(t *testing.T, name string, status db.Verdict, detail string) {
	t.Helper()
	if f, ok := found[name]; !ok || f.Status != status || !strings.Contains(f.Detail, detail) {
		t.Errorf("%s: %+v, want %s: %s", name, f, status, detail)
	}
}

// doctorOptions have the time-outs that a service has.
func doctorOptions(url string) db.Options {
	opts := poolOptions(url, 5, 10)
	opts.StatementTimeout, opts.IdleInTransactionTimeout = 30*time.Second, time.Minute
	return opts
}

// doctorRole is a role without any right beyond connecting, and the database's URL for it.
func doctorRole(t *testing.T, database string) (role, roleURL string) {
	t.Helper()
	role, roleURL = budgetRole(t, database, "")
	t.Cleanup(func() { // which runs before the role is dropped, and the test's own context is over
		ctx, cancel := context.WithTimeout(context.Background(), poolPatience)
		defer cancel()
		conn, err := pgx.Connect(ctx, database)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, "DROP OWNED BY "+role); err != nil {
			t.Error(err)
		}
	})
	return role, roleURL
}

// TestExamine_Sound: a database and a role as they should be; and nothing is left behind.
func TestExamine_Sound(t *testing.T) {
	t.Parallel()
	database := dbtest.Things(t)
	role, target := doctorRole(t, database)
	dbtest.Exec(t, database, "GRANT ALL ON SCHEMA public TO "+role)
	dbtest.Exec(t, database, "GRANT ALL ON ALL TABLES IN SCHEMA public TO "+role)
	watch := &poolUnderTest{t: t, watcher: dbtest.Connect(t, database)}
	found := examine(t, doctorOptions(target), db.Surroundings{Migrates: true, Models: []any{&doctorThing{}}})
	if len(found) != 13 {
		t.Errorf("%d findings: %+v", len(found), found)
	}
	for name, f := range found {
		if f.Status != db.Sound && name != "server_version" { // whose time is over one day
			t.Errorf("%+v", f)
		}
	}
	found.wants(t, "server_version", found["server_version"].Status, "PostgreSQL "+dbtest.Ask[string](t, database, "SHOW server_version"))
	found.wants(t, "pool_budget", db.Sound, "the pools may open 15 connections, the server allows ")
	found.wants(t, "columns", db.Sound, "8 columns of 1 table are as the models have them")
	found.wants(t, "rights", db.Sound, "role "+role+" may read and write ")
	found.wants(t, "timeouts", db.Sound, "statement_timeout 30s, lock_timeout off, ")
	dbtest.Eventually(t, "no connection is left", func() bool { return len(watch.backends()) == 0 })
}

// TestExamine_Wrong has a case for each line that the database or its role can spoil.
func TestExamine_Wrong(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before string // as the database's owner; ROLE and DATABASE stand for the names
		around db.Surroundings
		change func(*db.Options)
		check  string
		status db.Verdict
		detail string
	}{
		"read only":           {"ALTER ROLE ROLE SET default_transaction_read_only = on", db.Surroundings{}, nil, "replication", db.Fail, "its transactions are read only"},
		"no right to a table": {"REVOKE UPDATE, DELETE ON test_things FROM ROLE", db.Surroundings{}, nil, "rights", db.Fail, "may not UPDATE, DELETE on test_things"},
		"no right to a serial": {
			"CREATE TABLE numbered (id serial PRIMARY KEY); GRANT ALL ON numbered TO ROLE",
			db.Surroundings{},
			nil, "rights", db.Fail, "may not USAGE on numbered_id_seq",
		},
		"an extension's table": {"CREATE TABLE foreigner (); ALTER EXTENSION plpgsql ADD TABLE foreigner", db.Surroundings{}, nil, "rights", db.Sound, "may read and write"},
		"no schema":            {"REVOKE ALL ON SCHEMA public FROM ROLE, PUBLIC", db.Surroundings{}, nil, "rights", db.Fail, "may use no schema"},
		"no right to create":   {"REVOKE CREATE ON SCHEMA public FROM ROLE, PUBLIC", db.Surroundings{Migrates: true}, nil, "rights", db.Warn, "can apply no migration"},
		"none needed":          {"REVOKE CREATE ON SCHEMA public FROM ROLE, PUBLIC", db.Surroundings{}, nil, "rights", db.Sound, ""},
		"a superuser":          {"ALTER ROLE ROLE SUPERUSER", db.Surroundings{}, nil, "rights", db.Warn, "is a superuser"},
		"idle sessions ended":  {"ALTER ROLE ROLE SET idle_session_timeout = '5min'", db.Surroundings{}, nil, "timeouts", db.Warn, "ends the pool's idle connections"},
		"no statement timeout": {"SELECT", db.Surroundings{}, func(o *db.Options) { o.StatementTimeout = 0 }, "timeouts", db.Warn, "a statement may run for ever"},
		"no idle timeout":      {"SELECT", db.Surroundings{}, func(o *db.Options) { o.IdleInTransactionTimeout = 0 }, "timeouts", db.Warn, "may hold its locks for ever"},
		"a URL's timeout":      {"SELECT", db.Surroundings{}, func(o *db.Options) { o.URL += "&statement_timeout=7000" }, "timeouts", db.Sound, "statement_timeout 7s"},
		"over budget":          {"SELECT", db.Surroundings{Instances: 1000}, nil, "pool_budget", db.Warn, "the pools may open 15000 connections, the server allows "},
		"over it, strictly":    {"SELECT", db.Surroundings{Instances: 1000, Strict: true}, nil, "pool_budget", db.Fail, "15000"},
		"the role's limit":     {"ALTER ROLE ROLE CONNECTION LIMIT 9", db.Surroundings{}, nil, "pool_budget", db.Warn, "allows 9"},
		"the database's limit": {"ALTER DATABASE DATABASE CONNECTION LIMIT 8", db.Surroundings{}, nil, "pool_budget", db.Warn, "allows 8"},
		"no pooler":            {"SELECT", db.Surroundings{}, func(o *db.Options) { o.PgBouncer = true }, "pooler", db.Warn, "none, but DB_PGBOUNCER is on"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := dbtest.Things(t)
			role, target := doctorRole(t, database)
			dbtest.Exec(t, database, "GRANT ALL ON SCHEMA public TO "+role)
			dbtest.Exec(t, database, "GRANT ALL ON ALL TABLES IN SCHEMA public TO "+role)
			u, err := url.Parse(database)
			if err != nil {
				t.Fatal(err)
			}
			names := strings.NewReplacer("ALTER ROLE ROLE", "ALTER ROLE "+role, "DATABASE DATABASE", "DATABASE "+u.Path[1:], " ROLE", " "+role)
			for sql := range strings.SplitSeq(test.before, "; ") {
				dbtest.Exec(t, database, names.Replace(sql))
			}
			opts := doctorOptions(target)
			if test.change != nil {
				test.change(&opts)
			}
			examine(t, opts, test.around).wants(t, test.check, test.status, test.detail)
		})
	}
}

// TestExamine_Migrations: pending ones, with and without a start that applies them; and a version table that does not fit.
func TestExamine_Migrations(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(db.Migrations(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	empty := doctorOptions(dbtest.Empty(t))
	examine(t, empty, db.Surroundings{Migrates: true}).wants(t, "migrations", db.Warn, " pending, the first is "+names[0])
	examine(t, empty, db.Surroundings{}).wants(t, "migrations", db.Fail, " pending, the first is "+names[0])
	database := dbtest.Things(t)
	opts := doctorOptions(database)
	examine(t, opts, db.Surroundings{}).wants(t, "migrations", db.Sound, "the latest is "+names[len(names)-1])

	dbtest.Exec(t, database, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
	examine(t, opts, db.Surroundings{}).wants(t, "migrations", db.Warn, "the database is newer than this program")
	late := opts
	late.Migrations = fstest.MapFS{}
	for _, name := range []string{"00007_b.sql", "99999_c.sql"} {
		late.Migrations.(fstest.MapFS)[name] = &fstest.MapFile{Data: []byte("-- +goose Up\nSELECT 1;\n")}
	}
	dbtest.Exec(t, database, "DELETE FROM goose_db_version WHERE version_id BETWEEN 1 AND 99998")
	examine(t, late, db.Surroundings{}).wants(t, "migrations", db.Fail, "00007_b.sql is not applied, but a newer one is")
	examine(t, opts, db.Surroundings{}).wants(t, "migrations", db.Fail, "migrations that this program does not know")
}

// TestExamine_TLS: on this machine nobody asks for it; a server that has it is believed.
func TestExamine_TLS(t *testing.T) {
	t.Parallel()
	examine(t, doctorOptions(dbtest.Empty(t)), db.Surroundings{}).wants(t, "tls", db.Sound, "none needed on this machine")
	examine(t, doctorOptions(sessionOverTLS(t)), db.Surroundings{}).wants(t, "tls", db.Sound, "TLS 1.")
}

// TestExamine_Unreachable: what can not be checked is told, once.
func TestExamine_Unreachable(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://user:hunter2@" + poolDeadAddress(t) + "/none?sslmode=disable", "postgres://user:hunter2@h:port/db"} {
		found := examine(t, doctorOptions(url), db.Surroundings{})
		for _, f := range found {
			if len(found) != 1 || f.Status != db.Fail {
				t.Errorf("%+v", found)
			}
		}
	}
}
