package main

import (
	"io/fs"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args   string
		status int
		output string
	}{
		{"version", 0, "api dev, commit "},
		{"nonsense", 2, "api: unknown command \"nonsense\"\n\nusage: api [command]\n\n  serve "},
		{"serve now", 2, "api: serve does not take \"now\"\n\nusage: api [command]"},
		{"migrate up sideways", 2, "api: migrate does not take \"up sideways\"\n\nusage: api [command]"},
		{"--help", 2, "usage: api [command]"},
		{"-h", 2, "usage: api [command]"},
		{"work --help", 2, "usage: api [command]"},
		{"check", 0, "✓ Database connection successful\n"},
		{"migrate status", 0, "pending"},
		{"health", 1, "api: health: "},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			p := start(t, map[string]string{"DATABASE_URL": dbtest.Empty(t), "PORT": "1"}, strings.Fields(test.args)...)
			if status := p.status(); status != test.status {
				t.Errorf("exit status %d, want %d", status, test.status)
			}
			if !strings.Contains(p.output.String(), test.output) {
				t.Errorf("no %q in the output", test.output)
			}
		})
	}
}

func TestMigrateUpDown(t *testing.T) {
	t.Parallel()
	env := map[string]string{"DATABASE_URL": dbtest.Empty(t)}
	names, err := fs.Glob(db.Migrations(), "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("migrations: %v, %v", names, err)
	}
	type step struct{ args, output string }
	steps := []step{{"migrate", "applied " + names[0] + "\n"}, {"migrate up", "nothing to apply\n"}, {"migrate status", "applied 20"}}
	for _, name := range slices.Backward(names) {
		steps = append(steps, step{"migrate down", "rolled back " + name + "\n"})
	}
	steps = append(steps, step{"migrate down", "nothing to roll back\n"})
	for _, step := range steps {
		p := start(t, env, strings.Fields(step.args)...)
		if status := p.status(); status != 0 || !strings.Contains(p.output.String(), step.output) {
			t.Errorf("%s: exit status %d, want 0 and %q in the output:\n%s", step.args, status, step.output, p.output)
		}
	}
}

// TestRefusals starts the API with what it can not work with: one clear line,
// the right status, no stack trace and no password.
func TestRefusals(t *testing.T) {
	t.Parallel()
	database := dbtest.New(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	tests := map[string]struct {
		env    map[string]string
		status int
		output string
	}{
		"no settings":      {map[string]string{}, 2, "DATABASE_URL: is not set"},
		"all at once":      {map[string]string{"DB_POOL_SIZE": "0", "PORT": "x"}, 2, "DB_POOL_SIZE: "},
		"bad URL":          {map[string]string{"DATABASE_URL": "postgres://u:s3cret@a@b/c"}, 2, "DATABASE_URL: "},
		"unreadable CA":    {map[string]string{"DATABASE_URL": "postgres://u:s3cret@localhost/c?sslmode=verify-full&sslrootcert=/none"}, 2, "DATABASE_URL: cannot be used: unable to read CA file"},
		"port in use":      {map[string]string{"DATABASE_URL": database, "PORT": port}, 1, "address already in use: end what listens there, or take another port: PORT="},
		"admin port":       {map[string]string{"DATABASE_URL": database, "ADMIN_ADDR": taken.Addr().String()}, 1, "ADMIN_ADDR: "},
		"unknown role":     {map[string]string{"DATABASE_URL": with(t, database, func(u *url.URL) { u.User = url.UserPassword("nobody_such", "s3cret") })}, 1, `role "nobody_such" does not exist`},
		"unknown database": {map[string]string{"DATABASE_URL": with(t, database, func(u *url.URL) { u.Path = "/none_such" })}, 1, `database "none_such" does not exist`},
		"unknown schema":   {map[string]string{"DATABASE_URL": withQuery(database, "schema=none_such")}, 1, `no schema of the search_path "none_such" is there`},
		"over budget":      {map[string]string{"DATABASE_URL": database, "ENVIRONMENT": "production", "DB_INSTANCES": "1000"}, 1, "connection budget exceeded: the pools may open 15000 connections, the server allows "},
		"a slip":           {map[string]string{"DATABASE_URL": database, "DB_POOL_SIZE": "100000"}, 2, `DB_POOL_SIZE: "100000" is out of range`},
		"echo":             {map[string]string{"DATABASE_URL": database, "ENVIRONMENT": "production", "DB_ECHO": "true"}, 2, "DB_ECHO: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, test.env)
			if status := p.status(); status != test.status {
				t.Errorf("exit status %d, want %d", status, test.status)
			}
			out := p.output.String()
			if !strings.Contains(out, test.output) || strings.Contains(out, "goroutine ") || strings.Contains(out, "s3cret") {
				t.Errorf("want %q, no stack trace and no password in the output:\n%s", test.output, out)
			}
			if strings.Contains(out, "attempt 2") {
				t.Errorf("retried what can not change:\n%s", out)
			}
		})
	}
}

// with returns the URL of a database, changed.
func with(t *testing.T, database string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

// TestMigrateDryRun says what would be done and does nothing.
func TestMigrateDryRun(t *testing.T) {
	t.Parallel()
	database := dbtest.Empty(t)
	env := map[string]string{"DATABASE_URL": with(t, database, func(u *url.URL) {
		u.User = url.UserPassword(u.User.Username(), "pass-s3cret")
	})}
	names, err := fs.Glob(db.Migrations(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	latest := names[len(names)-1]
	for _, step := range []struct{ args, output, not string }{
		{"migrate --dry-run", "would apply to database ", "applied"},
		{"migrate up --dry-run", "  " + latest + "\n", "applied"},
		{"migrate --dry-run down", "nothing to roll back\n", "rolled back "},
		{"migrate status", "pending", "applied"},
		{"migrate up", "about to apply to database ", "would"},
		{"migrate --dry-run", "nothing to apply\n", "would"},
		{"migrate down --dry-run", "would roll back " + latest, "rolled back "},
		{"migrate status", "applied 20", "pending"},
		{"migrate down", "about to roll back " + latest, "would"},
	} {
		p := start(t, env, strings.Fields(step.args)...)
		status, output := p.status(), p.output.String()
		if status != 0 || !strings.Contains(output, step.output) || strings.Contains(output, step.not) || strings.Contains(output, "s3cret") {
			t.Errorf("%s: exit status %d, want 0, %q and no %q in the output:\n%s", step.args, status, step.output, step.not, output)
		}
		if step.args == "migrate --dry-run down" {
			var tables int
			const count = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
			if err := dbtest.Connect(t, database).QueryRow(t.Context(), count).Scan(&tables); err != nil || tables != 0 {
				t.Errorf("a dry run made %d objects: %v", tables, err)
			}
		}
	}
	for _, args := range []string{"migrate status --dry-run", "migrate up down", "migrate --dry-run --dry-run", "migrate --dryrun"} {
		if p := start(t, env, strings.Fields(args)...); p.status() != 2 {
			t.Errorf("%s: exit status %d, want 2", args, p.status())
		}
	}
}

// TestOlderProgram: a database that a newer program has migrated is served, with
// a warning, and not changed; one with unknown versions in between is refused.
func TestOlderProgram(t *testing.T) {
	t.Parallel()
	const another = "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)"
	tests := map[string]struct {
		changes          []string
		serves, migrates string
	}{
		"newer": {
			[]string{another},
			"serving with an older program than the database's",
			"the database is newer than this program: goose_db_version lists 99999",
		},
		"unheard of": {
			[]string{another, "DELETE FROM goose_db_version WHERE version_id = (SELECT min(version_id) FROM goose_db_version WHERE version_id > 0)"},
			"",
			"the database holds migrations that this program does not know: goose_db_version lists 99999",
		},
	}
	for name, test := range tests {
		for _, auto := range []string{"true", "false"} {
			t.Run(name+" "+auto, func(t *testing.T) {
				t.Parallel()
				database := dbtest.Things(t)
				for _, change := range test.changes {
					dbtest.Exec(t, database, change)
				}
				env := map[string]string{"DATABASE_URL": database, "AUTO_MIGRATE": auto}
				for _, args := range []string{"migrate", "migrate up", "migrate down", "migrate --dry-run"} {
					p := start(t, env, strings.Fields(args)...)
					if status := p.status(); status != 1 || !strings.Contains(p.output.String(), test.migrates) {
						t.Errorf("%s: exit status %d, want 1 and %q in the output:\n%s", args, status, test.migrates, p.output)
					}
				}
				p := start(t, env)
				if test.serves == "" {
					if status := p.status(); status != 1 || !strings.Contains(p.output.String(), test.migrates) {
						t.Errorf("serve: exit status %d, want 1 and %q", status, test.migrates)
					}
					return
				}
				if a := get(t, p.url()+"/things"); a.status != 200 {
					t.Errorf("GET /things: %d", a.status)
				}
				p.await(test.serves)
			})
		}
	}
}

// TestSignalWhileMigrating: another instance has the lock, or a client the table.
func TestSignalWhileMigrating(t *testing.T) {
	t.Parallel()
	database := dbtest.Empty(t)
	lock := dbtest.Connect(t, database)
	if _, err := lock.Exec(t.Context(), "SELECT pg_advisory_lock(7262847166)"); err != nil {
		t.Fatal(err)
	}
	p := start(t, map[string]string{"DATABASE_URL": database})
	p.await("waiting for another instance that migrates this database")
	sent := time.Now()
	p.signal(syscall.SIGTERM)
	if status := p.status(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	if took := time.Since(sent); took > 10*time.Second { // 2 s, on a machine with time to spare
		t.Errorf("ended after %v", took)
	}
}
