package main

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm/schema"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/models"
)

// TestCheck: the first line is the connection's, each further one has its mark, and one ✗ makes the exit status 1.
func TestCheck(t *testing.T) {
	t.Parallel()
	migrated, empty := dbtest.New(t), dbtest.Empty(t)
	for name, test := range map[string]struct {
		env    map[string]string
		status int
		lines  []string
	}{
		"sound": {
			map[string]string{"DATABASE_URL": migrated, "API_KEYS": "s3cret"},
			0,
			[]string{"✓ server version: PostgreSQL ", "✓ migrations: all are applied", "✓ columns: ", "✓ indexes: none ", "✓ file descriptors: ", "! rights: role postgres is a superuser", "✓ timeout order: ", "✓ keep alive: ", "✓ access: API_KEYS is set\n"},
		},
		"settings": {
			map[string]string{"DATABASE_URL": migrated, "ENVIRONMENT": "production", "KEEP_ALIVE_TIMEOUT": "60", "DB_STATEMENT_TIMEOUT": "90"},
			0,
			[]string{"! keep alive: ", "! timeout order: DB_STATEMENT_TIMEOUT (1m30s) is longer than REQUEST_TIMEOUT (1m0s); to do: make ", "! access: API_KEYS is not set"},
		},
		"open in dev":                {map[string]string{"DATABASE_URL": migrated}, 0, []string{"✓ access: open to everybody"}},
		"pending, and migrated soon": {map[string]string{"DATABASE_URL": empty}, 0, []string{"! migrations: ", "; to do: the next start applies them"}},
		"pending":                    {map[string]string{"DATABASE_URL": empty, "AUTO_MIGRATE": "false"}, 1, []string{"✗ migrations: ", "; to do: run api migrate\n"}},
		"over budget":                {map[string]string{"DATABASE_URL": migrated, "DB_INSTANCES": "1000"}, 0, []string{"! pool budget: the pools may open 15000 connections"}},
		"over budget in production":  {map[string]string{"DATABASE_URL": migrated, "DB_INSTANCES": "1000", "ENVIRONMENT": "production"}, 1, []string{"✗ pool budget: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.env["DATABASE_URL"] = with(t, test.env["DATABASE_URL"], func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "pass-s3cret") })
			p := start(t, test.env, "check")
			if status := p.status(); status != test.status {
				t.Errorf("exit status %d, want %d", status, test.status)
			}
			out := p.output.String()
			for _, line := range test.lines {
				if !strings.Contains(out, line) {
					t.Errorf("no %q in the output", line)
				}
			}
			if !strings.HasPrefix(out, "✓ Database connection successful\n") || strings.Contains(out, "s3cret") {
				t.Errorf("another first line, or a secret:\n%s", out)
			}
		})
	}
}

// TestCheckJSON: one document on standard output, whatever the findings.
func TestCheckJSON(t *testing.T) {
	t.Parallel()
	for url, status := range map[string]int{dbtest.New(t): 0, "postgres://u:s3cret@127.0.0.1:1/d": 1} {
		p := start(t, map[string]string{"DATABASE_URL": url, "DB_CONNECT_RETRIES": "1", "LOG_LEVEL": "error"}, "check", "--json")
		if got := p.status(); got != status {
			t.Errorf("exit status %d, want %d", got, status)
		}
		var findings []db.Finding
		if err := json.Unmarshal([]byte(p.output.String()), &findings); err != nil || len(findings) == 0 {
			t.Fatalf("%v:\n%s", err, p.output)
		}
		if first := findings[0]; first.Name != "connection" || (first.Status == db.Sound) != (status == 0) || status == 0 == (len(findings) == 1) {
			t.Errorf("%+v", findings)
		}
		if out := p.output.String(); strings.Contains(out, "s3cret") || strings.Count(out, `"advice":`) != len(findings) {
			t.Errorf("a password, or a key left out:\n%s", out)
		}
	}
}

// TestCheckDescriptors: with too few for the pool the status is 1, with few for clients there is a warning.
func TestCheckDescriptors(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	database := dbtest.New(t)
	for limit, test := range map[string]struct {
		status int
		line   string
	}{
		"60":  {1, "✗ file descriptors: 60 may be open: 15 connections of the pool and 32 others leave 13 for clients; to do: raise ulimit -n (LimitNOFILE=, ulimits:) to 547 or more, or make the pool smaller\n"},
		"62":  {0, "! file descriptors: 62 may be open: 15 connections of the pool and 32 others leave 15 for clients; to do: raise ulimit -n (LimitNOFILE=, ulimits:) to 547 or more\n"},
		"547": {0, "✓ file descriptors: 547 may be open: 15 connections of the pool and 32 others leave 500 for clients\n"},
		"77":  {1, "✗ file descriptors: 77 may be open: 30 connections of the pools and 32 others leave 15 for clients"},
		"json": {1, `"name": "file_descriptors",
    "status": "fail",`},
	} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			command := `ulimit -n ` + limit + ` && exec "$0" check`
			if limit == "json" {
				command = `ulimit -n 60 && exec "$0" check --json`
			}
			env := map[string]string{"DATABASE_URL": database, "LOG_LEVEL": "error"}
			if strings.Contains(test.line, "pools") {
				env["DATABASE_READ_URL"] = database + "&application_name=reads"
			}
			p := startProgram(t, "/bin/sh", t.TempDir(), env, "-c", command, self)
			if status := p.status(); status != test.status || !strings.Contains(p.output.String(), test.line) {
				t.Errorf("exit status %d, want %d and %q:\n%s", status, test.status, test.line, p.output)
			}
		})
	}
}

// TestCheckSchema: a table that has parted from the models makes the status 1.
func TestCheckSchema(t *testing.T) {
	t.Parallel()
	database := dbtest.New(t)
	for _, model := range models.All()[:min(1, len(models.All()))] {
		parsed, err := schema.Parse(model, new(sync.Map), schema.NamingStrategy{})
		if err != nil {
			t.Fatal(err)
		}
		table := parsed.Table
		dbtest.Exec(t, database, "DROP TABLE "+table+" CASCADE")
		p := start(t, map[string]string{"DATABASE_URL": database}, "check")
		if out := p.output; p.status() != 1 || !strings.Contains(out.String(), "✗ columns: table "+table+" is missing; to do: ") {
			t.Errorf("no ✗ for it, or another status:\n%s", out)
		}
	}
}

// TestUsage names every command.
func TestUsage(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "help")
	if p.status() != 2 {
		t.Error("want status 2")
	}
	for _, c := range commands() {
		if !strings.Contains(p.output.String(), "\n  "+c.name+" ") {
			t.Errorf("%s is missing", c.name)
		}
	}
}
