package db_test

import (
	"strings"
	"testing"
)

// TestMigrate_OwnTransactions: a migration without a transaction may have some of its own. What they have not committed is not
// kept, and a migration that leaves one open does not count as applied.
func TestMigrate_OwnTransactions(t *testing.T) {
	t.Parallel()
	const head = "-- +goose NO TRANSACTION\n-- +goose Up\n"
	for name, test := range map[string]struct{ text, left, says string }{
		"it commits":            {head + "BEGIN;\nCREATE TABLE made (id int);\nCOMMIT;\n", "made", ""},
		"COMMIT is missing":     {head + "BEGIN;\nCREATE TABLE made (id int);\n", "nothing", "COMMIT is missing"},
		"it fails in the first": {head + "BEGIN;\nCREATE TABLE made (id int);\nSELECT 1/0;\nCOMMIT;\n", "nothing", "nothing of it is kept"},
		"it fails after it":     {head + "BEGIN;\nCREATE TABLE made (id int);\nCOMMIT;\nSELECT 1/0;\n", "made", "the statements before it stay"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := migrateNew(t, migrateFiles("00001_own.sql", test.text))
			applied, err := m.up()
			recorded := m.one("SELECT count(*)::text FROM goose_db_version WHERE version_id > 0")
			if test.says == "" && (err != nil || len(applied) != 1 || recorded != "1") {
				t.Errorf("applied %v, recorded %s, %v", applied, recorded, err)
			}
			if test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says) || len(applied) != 0 || recorded != "0") {
				t.Errorf("applied %v, recorded %s, %v; want %q", applied, recorded, err, test.says)
			}
			if left := m.one("SELECT coalesce(to_regclass('made')::text, 'nothing')"); left != test.left {
				t.Errorf("left: %s, want %s", left, test.left)
			}
		})
	}
}

// TestMigrate_OwnTransactionIsRepeated from its BEGIN, where a statement in it does not get its lock.
func TestMigrate_OwnTransactionIsRepeated(t *testing.T) {
	t.Parallel()
	m := migrateNew(t, migrateFiles("00001_own.sql", `-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE before (id int);
BEGIN;
CREATE TABLE made (id int);
-- +goose StatementBegin
DO $$ BEGIN
	IF nextval('tries') < 3 THEN
		RAISE lock_not_available;
	END IF;
END $$;
-- +goose StatementEnd
COMMIT;
`))
	m.exec("CREATE SEQUENCE tries")
	if applied, err := m.up(); err != nil || len(applied) != 1 {
		t.Errorf("applied %v, %v", applied, err)
	}
	if left := m.one("SELECT concat(to_regclass('before'), ' ', to_regclass('made'))"); left != "before made" {
		t.Errorf("left: %s", left)
	}
}

// TestMigrate_NoWayBack: the plan tells of a migration that says nothing of how to undo it.
func TestMigrate_NoWayBack(t *testing.T) {
	t.Parallel()
	for down, want := range map[string]bool{
		"": true, "-- +goose Down\n": true, "-- +goose Down\n-- DROP TABLE made;\n": true, "-- +goose Down\nDROP TABLE made;\n": false,
	} {
		m := migrateNew(t, migrateFiles("00001_made.sql", "-- +goose Up\nCREATE TABLE made (id int);\n"+down))
		if _, err := m.up(); err != nil {
			t.Fatal(err)
		}
		if plan, err := m.migrator().Plan(t.Context()); err != nil || plan.Stays != want {
			t.Errorf("%q: stays: %v, %v", down, plan.Stays, err)
		}
	}
}

// TestMigrate_SettingsEndWithTheirMigration: those of one that is applied today are not found by the next one, as they would
// not if that were applied tomorrow.
func TestMigrate_SettingsEndWithTheirMigration(t *testing.T) {
	t.Parallel()
	for _, head := range []string{"", "-- +goose NO TRANSACTION\n"} {
		m := migrateNew(t, migrateFiles(
			"00001_set.sql", head+`-- +goose Up
CREATE SCHEMA other;
SET search_path = other, public;
SET lock_timeout = 0;
SET TIME ZONE 'Asia/Tokyo';
CREATE TEMP TABLE made (id int);
PREPARE again AS SELECT 1;
`,
			"00002_next.sql", `-- +goose Up
CREATE TABLE made AS SELECT current_setting('timezone') AS zone, current_setting('lock_timeout') AS lock;
`))
		m.opts.MigrateLockTimeout = 7 * poolPatience
		if applied, err := m.up(); err != nil || len(applied) != 2 {
			t.Errorf("%sapplied %v, %v", head, applied, err)
		}
		if got, want := m.one("SELECT concat(zone <> 'Asia/Tokyo', ' ', lock <> '0') FROM public.made"), "t t"; got != want {
			t.Errorf("%sthe next one finds %s, want %s", head, got, want)
		}
	}
}
