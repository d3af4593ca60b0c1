package main

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db/dbtest"
)

// refused runs commands with settings that they can not work with: each ends
// at once with status 2, one line that says what is wanted, and no secret.
func refused(t *testing.T, folder string, env map[string]string, want string) {
	t.Helper()
	for _, command := range []string{"serve", "check", "migrate"} {
		p := startIn(t, folder, env, command)
		if status := p.status(); status != 2 {
			t.Errorf("%s: exit status %d, want 2", command, status)
		}
		out := p.output.String()
		_, told, _ := strings.Cut(out, "api: settings:\n")
		if strings.Count(told, "\n") != 1 || !strings.Contains(told, want) || strings.Contains(out, "attempt") || strings.Contains(out, "s3cret") {
			t.Errorf("%s: want one line with %q, no attempt and no password in the output:\n%s", command, want, out)
		}
	}
}

// TestParametersRefused: what would not change is told at once, whatever the
// command, and before connecting where that is possible.
func TestParametersRefused(t *testing.T) {
	t.Parallel()
	database := dbtest.New(t)
	const unreachable = "postgres://u:s3cret@127.0.0.1:1/db?sslmode=disable"
	for query, want := range map[string]string{
		"connection_limit=5":         "has connection_limit, which is not understood here; allowed: DB_POOL_SIZE",
		"keepalives=1":               "has keepalives, which is not understood here",
		"gssencmode=disable":         "has gssencmode, which is not understood here",
		"statement_cache_capacity=0": "has statement_cache_capacity, which is not understood here; allowed: DB_PGBOUNCER=true",
		"default_query_exec_mode=x":  "has default_query_exec_mode, which is not understood here; allowed: DB_PGBOUNCER=true",
		"pool_max_conns=0":           "has pool_max_conns, which is not understood here; allowed: DB_POOL_SIZE",
		"foo=bar":                    `has the unknown parameter "foo"`,
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			refused(t, t.TempDir(), map[string]string{"DATABASE_URL": unreachable + "&" + query}, want)
		})
	}
	for query, want := range map[string]string{
		"options=-c%20foo%3Dbar": `unrecognized configuration parameter "foo"`,
		"work_mem=much":          `invalid value for parameter "work_mem"`,
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			refused(t, t.TempDir(), map[string]string{"DATABASE_URL": withQuery(database, query)}, want)
		})
	}
}

// TestDollarInDotenv: the API does not open by a $ in .env.
func TestDollarInDotenv(t *testing.T) {
	t.Parallel()
	database := dbtest.New(t)
	for text, want := range map[string]string{
		"API_KEYS=$s3cret\n":                             ".env: line 1: a $ in the value of API_KEYS ",
		"PORT=0\n\nAPI_KEYS=\"${s3cret}\"\n":             ".env: line 3: a $ in the value of API_KEYS ",
		"DATABASE_URL=postgres://u:s3cret$C9x@h/db\n":    ".env: line 1: a $ in the value of DATABASE_URL ",
		"API_KEYS=s3cret\nPORT=0\nAPI_KEYS=\n":           ".env: line 3: API_KEYS is empty, but line 1 ",
		"\ufeff# $1\r\nexport API_KEYS=s3cret$\\r$x\r\n": ".env: line 2: a $ in the value of API_KEYS ",
	} {
		folder := t.TempDir()
		writeDotenv(t, folder, text)
		refused(t, folder, map[string]string{"DATABASE_URL": database}, want)
	}
	refused(t, t.TempDir(), map[string]string{"DATABASE_URL": database, "API_KEYS": " "}, "API_KEYS: holds no key")
	refused(t, t.TempDir(), map[string]string{"DATABASE_URL": database, "API_KEYS": "$(s3cret)"}, "API_KEYS: entry 1 is a reference")
}

// TestDotenvTakesTheEnvironment: ${NAME} in .env, and libpq's variables in it.
func TestDotenvTakesTheEnvironment(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	name := strings.TrimPrefix(u.Path, "/")
	u.Path = "/"
	writeDotenv(t, folder, "DATABASE_URL=${THE_URL}\nPGDATABASE='"+name+"'\nPGAPPNAME=me\n")
	p := startIn(t, folder, map[string]string{"THE_URL": u.String()}, "check")
	if status := p.status(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if out := p.output.String(); !strings.Contains(out, "PGDATABASE PGAPPNAME") || !strings.Contains(out, "✓ Database connection successful") {
		t.Errorf("the log does not say where the database's name is from:\n%s", out)
	}
}

// TestPGVariables: libpq's variables do what they do for psql, are named in the
// log, and do not change what the URL says.
func TestPGVariables(t *testing.T) {
	t.Parallel()
	database := dbtest.New(t)
	for _, test := range []struct{ variable, output string }{
		{"PGOPTIONS=-c foo=bar", `unrecognized configuration parameter "foo"`},
		{"PGDATABASE=none_such", "✓ Database connection successful"},
		{"PGHOST=none.invalid", "✓ Database connection successful"},
		{"PGTZ=Nowhere", `invalid value for parameter "TimeZone": "Nowhere"`},
		{"PGSERVICE=none", "PGSERVICE: stands for service, which is not understood here"},
	} {
		t.Run(test.variable, func(t *testing.T) {
			t.Parallel()
			name, value, _ := strings.Cut(test.variable, "=")
			p := start(t, map[string]string{"DATABASE_URL": database, name: value}, "check")
			status, fine := p.status(), strings.HasPrefix(test.output, "✓")
			if !strings.Contains(p.output.String(), test.output) || fine != (status == 0) {
				t.Errorf("exit status %d, want %q in the output:\n%s", status, test.output, p.output)
			}
		})
	}
}

// TestMissingSchema is one line of each command, not tried again and not an error of SQL.
func TestMissingSchema(t *testing.T) {
	t.Parallel()
	database := dbtest.New(t)
	for _, query := range []string{"schema=none_such", "search_path=none_such,nor_this", "options=-c%20search_path%3Dnone_such"} {
		for _, command := range []string{"serve", "check", "migrate"} {
			p := start(t, map[string]string{"DATABASE_URL": withQuery(database, query)}, command)
			status, out := p.status(), p.output.String()
			lines := 0
			for line := range strings.Lines(out) {
				if strings.Contains(line, "no schema of the search_path") && !strings.Contains(line, "attempt") {
					lines++
				}
			}
			if status != 1 || lines != 1 || strings.Contains(out, "attempt 2") || strings.Contains(out, "SQLSTATE") {
				t.Errorf("%s with %s: exit status %d:\n%s", command, query, status, out)
			}
		}
	}
}

// TestMisspelt: a variable that is close to a setting is told, beside the mistakes that it may have led to too.
func TestMisspelt(t *testing.T) {
	t.Parallel()
	database := dbtest.New(t)
	folder := t.TempDir()
	writeDotenv(t, folder, "DATABSE_URL=postgres://u:s3cret@h/db\nPOSTGRES_PASSWORD=s3cret\n")
	const note = "DATABSE_URL: is not a setting of this service, and has no effect; meant: DATABASE_URL"
	p := startIn(t, folder, nil, "check")
	if status := p.status(); status != 2 || !strings.Contains(p.output.String(), "DATABASE_URL: is not set") || !strings.Contains(p.output.String(), note) {
		t.Errorf("exit status %d:\n%s", status, p.output)
	}
	p = startIn(t, folder, map[string]string{"DATABASE_URL": database, "DB_POOLSIZE": "7", "DATABAS_URL": "x"}, "check")
	status, out := p.status(), p.output.String()
	if status != 0 || !strings.Contains(out, note) || !strings.Contains(out, "meant: DB_POOL_SIZE") || strings.Contains(out, "DATABAS_URL") || strings.Contains(out, "POSTGRES_PASSWORD") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	if strings.Contains(p.output.String(), "s3cret") {
		t.Error("a value is shown")
	}
}

// TestParametersOfTheServer: a parameter that the server knows and package config does not, as the server is newer, can be
// given as the message says. The first one stands for such a parameter where there is none.
func TestParametersOfTheServer(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../internal/config/parameters.txt")
	if err != nil {
		t.Fatal(err)
	}
	database := dbtest.New(t)
	rows, _ := dbtest.Connect(t, database).Query(t.Context(), `SELECT name || '=' || setting FROM pg_settings
		WHERE context IN ('user', 'superuser') AND vartype IN ('bool', 'integer', 'enum') AND name NOT LIKE '%.%' ORDER BY name`)
	parameters, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(parameters) < 50 {
		t.Fatal(len(parameters), err)
	}
	newer := slices.DeleteFunc(slices.Clone(parameters), func(parameter string) bool {
		name, _, _ := strings.Cut(parameter, "=")
		return regexp.MustCompile(`(?mi)^` + name + `( = .*)?$`).Match(text)
	})
	for _, parameter := range append(newer, parameters[0]) {
		p := start(t, map[string]string{"DATABASE_URL": database + "&options=" + strings.ReplaceAll(url.QueryEscape("-c "+parameter), "+", "%20")}, "check")
		if status := p.status(); status != 0 {
			t.Errorf("%s: exit status %d:\n%s", parameter, status, p.output)
		}
	}
}

// TestEndlessDotenv: a pipe in place of .env is not waited for.
func TestEndlessDotenv(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(folder, ".env"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, folder, nil, ".env: is not a regular file")
}

// TestHealthNeedsNoDatabase: a probe does not look at what serves the database.
func TestHealthNeedsNoDatabase(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"PGSERVICE": "none", "PORT": "1"}, "health")
	if status := p.status(); status != 1 || !strings.Contains(p.output.String(), "api: health: ") {
		t.Errorf("exit status %d:\n%s", status, p.output)
	}
}

// withQuery adds a parameter to a URL.
func withQuery(database, query string) string {
	if strings.Contains(database, "?") {
		return database + "&" + query
	}
	return database + "?" + query
}

func writeDotenv(t *testing.T, folder, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, ".env"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
