package dbtest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
)

// ownMigrations are files that no other test has, so that their template is made by this one.
func ownMigrations(t *testing.T) (fstest.MapFS, string) {
	t.Helper()
	serverURL(t)
	files := fstest.MapFS{"00001.sql": {Data: []byte(databaseName(t.Name()))}}
	name, err := templateName(files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server := serverURL(t)
		if err := runSQL(context.Background(), server, "ALTER DATABASE "+quote(name)+" WITH IS_TEMPLATE false"); err != nil {
			t.Error(err)
		}
		drop(t, server, name)
	})
	return files, name
}

func makeTable(ctx context.Context, url string) error {
	return runSQL(ctx, url, "CREATE TABLE made ()")
}

func TestTemplateIsMadeOnce(t *testing.T) {
	t.Parallel()
	files, _ := ownMigrations(t)
	var made atomic.Int32
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			_, err := makeTemplate(t.Context(), serverURL(t), files, func(ctx context.Context, url string) error {
				made.Add(1)
				return makeTable(ctx, url)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("migrated %d times, want once", n)
	}
}

// TestHalfMadeTemplate: a run that was cut off during the migrations leaves a database with some of the tables.
func TestHalfMadeTemplate(t *testing.T) {
	t.Parallel()
	files, name := ownMigrations(t)
	cut := errors.New("cut off")
	_, err := makeTemplate(t.Context(), serverURL(t), files, func(ctx context.Context, url string) error {
		return errors.Join(makeTable(ctx, url), cut)
	})
	if !errors.Is(err, cut) {
		t.Fatalf("the first run: %v", err)
	}
	again, err := makeTemplate(t.Context(), serverURL(t), files, makeTable) // fails if the table is still there
	if err != nil || again != name {
		t.Errorf("the second run: %q, %v", again, err)
	}
}

func TestTemplateNameFollowsTheMigrations(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, files := range []fstest.MapFS{
		{"1.sql": {Data: []byte("a")}},
		{"1.sql": {Data: []byte("b")}},
		{"2.sql": {Data: []byte("a")}},
		{"1.sql": {Data: []byte("a")}, "2.sql": {}},
	} {
		name, err := templateName(files)
		if err != nil {
			t.Fatal(err)
		}
		names[name] = true
	}
	if len(names) != 4 {
		t.Errorf("four states of the migrations have %d names", len(names))
	}
}

func TestDatabaseName(t *testing.T) {
	t.Parallel()
	for _, test := range []string{"TestA", "TestÄ/with spaces/and " + strings.Repeat("length", 30)} {
		if name := databaseName(test); len(name) > 63 || !strings.HasPrefix(name, "t_test") {
			t.Errorf("%s: %s", test, name)
		}
	}
}

func TestWithDatabase(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]string{
		"postgres://postgres@/transcription?host=/tmp/x&port=5432": "postgres://postgres@/new?host=/tmp/x&port=5432",
		"postgresql://u:p@h:1/":   "postgresql://u:p@h:1/new",
		"host=/tmp/x user=secret": "",
	} {
		got, err := withDatabase(server, "new")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", server, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Error("the error quotes the URL:", err)
		}
	}
}
