package dbtest_test

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db/dbtest"
)

// tables counts the tables of a database's public schema.
func tables(t testing.TB, url string) (n int) {
	t.Helper()
	sql := "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
	if err := dbtest.Connect(t, url).QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNewIsMigratedAndEmptyIsNot(t *testing.T) {
	t.Parallel()
	if tables(t, dbtest.New(t)) == 0 {
		t.Error("New: no table")
	}
	if n := tables(t, dbtest.Empty(t)); n != 0 {
		t.Errorf("Empty: %d tables", n)
	}
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	first, second := dbtest.New(t), dbtest.New(t)
	dbtest.Exec(t, first, "CREATE TABLE only_here ()")
	if a, b := tables(t, first), tables(t, second); a != b+1 {
		t.Errorf("tables: %d and %d, want one more in the first", a, b)
	}
}

func TestManyAtATime(t *testing.T) {
	t.Parallel()
	var urls sync.Map
	t.Run("group", func(t *testing.T) {
		for range 8 {
			t.Run("one", func(t *testing.T) {
				t.Parallel()
				if _, taken := urls.LoadOrStore(dbtest.New(t), true); taken {
					t.Error("two tests got the same database")
				}
			})
		}
	})
}

// TestDropped: the database goes, even with a connection left open.
func TestDropped(t *testing.T) {
	t.Parallel()
	var url string
	var left *pgx.Conn
	t.Run("one that leaks", func(t *testing.T) {
		url = dbtest.New(t)
		var err error
		if left, err = pgx.Connect(t.Context(), url); err != nil {
			t.Fatal(err)
		}
	})
	if left == nil {
		t.Skip("there was no database")
	}
	defer left.Close(t.Context())
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		conn.Close(t.Context())
		t.Error("the database is still there after its test")
	}
}

// rerun runs one of this file's tests with another environment, in a process of its own.
func rerun(t *testing.T, test string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append(args, "-test.v", "-test.run=^"+test+"$")...)
	cmd.Env = append(os.Environ(), env...)
	out, _ := cmd.CombinedOutput() // its failure is what some want to see
	return string(out)
}

func TestWithoutServer(t *testing.T) {
	t.Parallel()
	none := []string{"TEST_DATABASE_URL=", "DATABASE_URL=" + os.Getenv("TEST_DATABASE_URL")}
	if out := rerun(t, "TestDatabasesAreApart", none); !strings.Contains(out, "make test") || !strings.Contains(out, "--- FAIL") {
		t.Errorf("want a failure that names make test:\n%s", out)
	}
	if out := rerun(t, "TestDatabasesAreApart", none, "-test.short"); !strings.Contains(out, "--- SKIP") {
		t.Errorf("-short: want a skip:\n%s", out)
	}
}

// TestThatFails is for TestKeptOnFailure.
func TestThatFails(t *testing.T) {
	if os.Getenv("DBTEST_FAIL") == "" {
		t.Skip("fails on demand only")
	}
	dbtest.Exec(t, dbtest.New(t), "CREATE TABLE evidence ()")
	t.Fail()
}

func TestKeptOnFailure(t *testing.T) {
	t.Parallel()
	server := dbtest.Empty(t) // only for a way to the server
	out := rerun(t, "TestThatFails", []string{"DBTEST_FAIL=1"})
	kept := keptURL(out)
	if kept == "" {
		t.Fatalf("no URL was logged:\n%s", out)
	}
	dbtest.Exec(t, kept, "SELECT FROM evidence")
	name := kept[strings.Index(kept, "/t_")+1 : strings.Index(kept, "?")]
	dbtest.Exec(t, server, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
}

func keptURL(out string) string {
	for lines := bufio.NewScanner(strings.NewReader(out)); lines.Scan(); {
		if _, quoted, ok := strings.Cut(lines.Text(), `psql "`); ok {
			return strings.TrimSuffix(quoted, `"`)
		}
	}
	return ""
}
