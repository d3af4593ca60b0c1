package db_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/db"
)

// TestMigrations: the files of this program are in order.
func TestMigrations(t *testing.T) {
	t.Parallel()
	m, err := db.NewMigrator(db.Options{URL: "postgres://localhost/unused"})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestMigrate_BadFiles: what goose would pass over in silence is an error that
// names the file, before anything connects.
func TestMigrate_BadFiles(t *testing.T) {
	t.Parallel()
	const good = "-- +goose Up\nSELECT 1;\n"
	tests := map[string]struct {
		files []string
		want  []string
	}{
		"no number":       {[]string{"00001_a.sql", good, "create_notes.sql", good}, []string{"create_notes.sql", "NUMBER_name.sql"}},
		"no name":         {[]string{"00002.sql", good}, []string{"00002.sql", "NUMBER_name.sql"}},
		"number 0":        {[]string{"00000_a.sql", good}, []string{"00000_a.sql", "number"}},
		"a huge number":   {[]string{"99999999999999999999_a.sql", good}, []string{"99999999999999999999_a.sql", "number"}},
		"a number twice":  {[]string{"00002_a.sql", good, "00002_b.sql", good}, []string{"00002_a.sql", "00002_b.sql", "same number"}},
		"twice, shorter":  {[]string{"00002_a.sql", good, "2_b.sql", good}, []string{"00002_a.sql", "2_b.sql", "same number"}},
		"not SQL":         {[]string{"00001_a.sql", good, "README.md", "read me"}, []string{"README.md", "NUMBER_name.sql"}},
		"a Go file":       {[]string{"00001_a.go", "package a"}, []string{"00001_a.go", "NUMBER_name.sql"}},
		"capital SQL":     {[]string{"00001_a.SQL", good}, []string{"00001_a.SQL", "NUMBER_name.sql"}},
		"an editor's":     {[]string{"00001_a.sql~", good}, []string{"00001_a.sql~", "NUMBER_name.sql"}},
		"a folder":        {[]string{"00001_a.sql/00001_b.sql", good}, []string{"00001_a.sql", "NUMBER_name.sql"}},
		"no mark":         {[]string{"00001_a.sql", "CREATE TABLE a (id int);"}, []string{"00001_a.sql", "-- +goose Up"}},
		"a negative one":  {[]string{"-1_a.sql", good}, []string{"-1_a.sql", "NUMBER_name.sql"}},
		"a COMMIT":        {[]string{"00001_a.sql", "-- +goose Up\nBEGIN;\nSELECT 1;\nCOMMIT;\n"}, []string{"00001_a.sql: line 2: BEGIN", "NO TRANSACTION"}},
		"a ROLLBACK":      {[]string{"00001_a.sql", good + "-- +goose Down\nSELECT 1; -- and\n\trollback;\n"}, []string{"00001_a.sql: line 5: ROLLBACK", "NO TRANSACTION"}},
		"a bare goose":    {[]string{"00001_a.sql", good + "-- goose Down\nDROP TABLE a;\n"}, []string{"00001_a.sql", `"-- goose Down"`, "-- +goose"}},
		"a blank":         {[]string{"00001_a.sql", good + "-- + goose down\r\nDROP TABLE a;\n"}, []string{"00001_a.sql", `"-- + goose down"`, "-- +goose"}},
		"a BOM":           {[]string{"00001_a.sql", "\ufeff" + good}, []string{"00001_a.sql", "byte order mark"}},
		"a blank between": {[]string{"00001 _a.sql", good}, []string{"00001 _a.sql", "NUMBER_name.sql"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := db.NewMigrator(db.Options{URL: "postgres://localhost/unused", Migrations: migrateFiles(test.files...)})
			for _, part := range test.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("no %q in: %v", part, err)
				}
			}
		})
	}
}

// TestMigrate_NumericOrder: 10 comes after 9, however they are written.
func TestMigrate_NumericOrder(t *testing.T) {
	t.Parallel()
	m := migrateNew(t, migrateFiles("10_c.sql", "-- +goose Up\nDROP TABLE notes;\n", "9_b.sql", "-- +goose Up\nCREATE TABLE notes (id int);\n"))
	applied, err := m.up()
	if diff := cmp.Diff([]string{"9_b.sql", "10_c.sql"}, applied); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// migrateVersions is a program with migrations of these numbers.
func migrateVersions(versions string) (files []string) {
	for version := range strings.FieldsSeq(versions) {
		files = append(files, version+"_m.sql", "-- +goose Up\nCREATE TABLE t"+version+" (id int);\n-- +goose Down\nDROP TABLE t"+version+";\n")
	}
	return files
}

// TestMigrate_UnknownVersions: the version table has what the program has not.
func TestMigrate_UnknownVersions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		database, program string
		want              error
		says              string
	}{
		"the same":              {"1 2 3", "1 2 3", nil, ""},
		"to apply":              {"1 2", "1 2 3", nil, ""},
		"an older program":      {"1 2 3 4", "1 2", db.ErrSchemaNewer, "lists 00003, 00004, its newest is 00002"},
		"another history":       {"1 2 3", "1 3", db.ErrSchemaUnknown, "lists 00002"},
		"another service's":     {"5 6", "1 2", db.ErrSchemaUnknown, "lists 00005, 00006, but not this program's 1_m.sql"},
		"another's, lower":      {"1 2", "5", db.ErrSchemaUnknown, "lists 00001, 00002"},
		"between and newer":     {"1 2 3 9", "1 3", db.ErrSchemaUnknown, "lists 00002"},
		"a late number":         {"1 3", "1 2 3", nil, "migration 2_m.sql is not applied, but a newer one is, 00003"},
		"newer and not applied": {"1 9", "1 2", db.ErrSchemaUnknown, "lists 00009, but not this program's 2_m.sql"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := migrateNew(t, migrateFiles(migrateVersions(test.database)...))
			m.mustUp()
			m.opts.Migrations = migrateFiles(migrateVersions(test.program)...)
			const state = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
			before := m.one(state)
			_, planned := m.migrator().Plan(t.Context())
			_, upped := m.up()
			errs := []error{planned, upped}
			if test.want != nil {
				_, downed := m.migrator().Down(t.Context())
				errs = append(errs, downed)
			}
			for _, err := range errs {
				if !errors.Is(err, test.want) && test.want != nil || (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v, want %v: %s", err, test.want, test.says)
				}
			}
			if after := m.one(state); test.says != "" && after != before {
				t.Errorf("changed: %s, before %s", after, before)
			}
		})
	}
}

// TestMigrate_Schemas: two services in one database, each with a schema of its
// own, do not see each other's migrations.
func TestMigrate_Schemas(t *testing.T) {
	t.Parallel()
	public := migrateNew(t, migrateFiles(migrateVersions("1 2 3")...))
	public.mustUp()
	public.exec("CREATE SCHEMA notes")
	notes := *public
	notes.opts.Migrations = migrateFiles(migrateVersions("1 7")...)
	notes.opts.URL += "&search_path=notes,public"
	if plan, err := notes.migrator().Plan(t.Context()); err != nil || len(plan.Pending) != 2 {
		t.Errorf("plan %+v: %v", plan, err)
	}
	if applied, err := notes.up(); err != nil || len(applied) != 2 {
		t.Errorf("applied %v: %v", applied, err)
	}
	if text := public.one("SELECT count(*)::text || ' ' || (SELECT count(*) FROM notes.goose_db_version) FROM public.goose_db_version"); text != "4 3" {
		t.Errorf("versions recorded in public and notes: %s", text)
	}
}

// TestMigrate_PlanChangesNothing, not even by making the version table.
func TestMigrate_PlanChangesNothing(t *testing.T) {
	t.Parallel()
	m := migrateNew(t, migrateFiles(migrateVersions("1 2")...))
	plan, err := m.migrator().Plan(t.Context())
	if diff := cmp.Diff([]string{"1_m.sql", "2_m.sql"}, plan.Pending); diff != "" || err != nil || plan.Latest != "" || len(plan.Warnings) > 0 {
		t.Errorf("plan %+v: %v", plan, err)
	}
	if list, err := m.migrator().Status(t.Context()); err != nil || len(list) != 2 || !list[0].AppliedAt.IsZero() {
		t.Errorf("status %+v: %v", list, err)
	}
	if n := m.one("SELECT count(*)::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"); n != "0" {
		t.Errorf("%s objects were made", n)
	}
	m.mustUp()
	plan, err = m.migrator().Plan(t.Context())
	if err != nil || len(plan.Pending) > 0 || plan.Latest != "2_m.sql" {
		t.Errorf("plan %+v: %v", plan, err)
	}
}

// TestMigrate_StatusOfNewer lists what this program does not know.
func TestMigrate_StatusOfNewer(t *testing.T) {
	t.Parallel()
	m := migrateNew(t, migrateFiles(migrateVersions("1 2")...))
	m.mustUp()
	m.opts.Migrations = migrateFiles(migrateVersions("1")...)
	list, err := m.migrator().Status(t.Context())
	if err != nil || len(list) != 2 || list[1].Name != "2 (not known to this program)" || list[1].AppliedAt.IsZero() {
		t.Errorf("status %+v: %v", list, err)
	}
}
