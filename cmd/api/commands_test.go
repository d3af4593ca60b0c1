package main

import (
	"io/fs"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

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
		{"nonsense", 2, "usage: api [command]"},
		{"serve now", 2, "usage: api [command]"},
		{"migrate sideways", 2, "usage: api [command]"},
		{"-h", 2, "usage: api [command]"},
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
		"unreadable CA":    {map[string]string{"DATABASE_URL": "postgres://u:s3cret@localhost/c?sslmode=verify-full&sslrootcert=/none"}, 2, "DATABASE_URL cannot be used"},
		"port in use":      {map[string]string{"DATABASE_URL": database, "PORT": port}, 1, "address already in use"},
		"admin port":       {map[string]string{"DATABASE_URL": database, "ADMIN_ADDR": taken.Addr().String()}, 1, "ADMIN_ADDR: "},
		"unknown role":     {map[string]string{"DATABASE_URL": with(t, database, func(u *url.URL) { u.User = url.UserPassword("nobody_such", "s3cret") })}, 1, `role "nobody_such" does not exist`},
		"unknown database": {map[string]string{"DATABASE_URL": with(t, database, func(u *url.URL) { u.Path = "/none_such" })}, 1, `database "none_such" does not exist`},
		"over budget":      {map[string]string{"DATABASE_URL": database, "ENVIRONMENT": "production", "DB_INSTANCES": "1000"}, 1, "connection budget exceeded: the pools may open 15000 connections, the server allows "},
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
