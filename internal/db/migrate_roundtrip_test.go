package db_test

import (
	"io/fs"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// catalogue is all that a migration makes: columns, constraints, indexes, triggers, functions. An extension's functions
// are its own.
const catalogue = `
SELECT format('%s.%s %s %s %s', c.table_name, column_name, data_type, is_nullable, coalesce(column_default, identity_generation))
	FROM information_schema.columns c WHERE table_schema = 'public'
UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind <> 'a'
	AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
UNION ALL SELECT description FROM pg_description WHERE objoid::regclass::text IN (SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace)
ORDER BY 1`

func migrator(t *testing.T, url string) *db.Migrator {
	t.Helper()
	m, err := db.NewMigrator(db.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestMigrateUpDownUp(t *testing.T) {
	t.Parallel()
	url := dbtest.Empty(t)
	m := migrator(t, url)
	up, err := m.Up(t.Context())
	if err != nil || len(up) == 0 {
		t.Fatalf("up applied %v: %v", up, err)
	}
	first := dbtest.Lines(t, url, catalogue)
	if again, err := m.Up(t.Context()); err != nil || len(again) > 0 {
		t.Errorf("a second up applied %v: %v", again, err)
	}
	for range up {
		if name, err := m.Down(t.Context()); err != nil || name == "" {
			t.Fatalf("down: %q, %v", name, err)
		}
	}
	left := dbtest.Lines(t, url, `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
		UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
			AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')`)
	if !slices.Equal(left, []string{"goose_db_version"}) {
		t.Errorf("after down there is still: %v", left)
	}
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, dbtest.Lines(t, url, catalogue)); diff != "" {
		t.Errorf("up, down, up is not up: %s", diff)
	}
}

// TestMigratorsAtOnce starts eight, as instances started together do.
func TestMigratorsAtOnce(t *testing.T) {
	t.Parallel()
	url := dbtest.Empty(t)
	type result struct {
		applied []string
		err     error
	}
	results := make(chan result)
	const instances = 8
	for range instances {
		m := migrator(t, url)
		go func() {
			applied, err := m.Up(t.Context())
			results <- result{applied, err}
		}()
	}
	var applied []string
	for range instances {
		r := <-results
		if r.err != nil {
			t.Error(r.err)
		}
		applied = append(applied, r.applied...)
	}
	files, err := fs.Glob(db.Migrations(), "*.sql")
	if diff := cmp.Diff(files, slices.Sorted(slices.Values(applied))); diff != "" || err != nil {
		t.Errorf("-files +applied in all: %s %v", diff, err)
	}
	if diff := cmp.Diff(dbtest.Lines(t, dbtest.New(t), catalogue), dbtest.Lines(t, url, catalogue)); diff != "" {
		t.Error(diff)
	}
}
