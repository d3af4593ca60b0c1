package db_test

import (
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// doctorThing is the tests' table as a program has it.
type doctorThing struct {
	ID        int64     `gorm:"primaryKey"`
	Title     string    `gorm:"not null"`
	Link      string    `gorm:"not null"`
	Status    string    `gorm:"not null;default:pending"`
	Note      *string   // may be NULL
	Version   int64     `gorm:"not null;default:1"`
	CreatedAt time.Time `gorm:"not null;default:now()"`
	UpdatedAt time.Time `gorm:"not null;default:now()"`
	Shown     string    `gorm:"-"`
	Rank      int       `gorm:"->;-:migration"` // of a query
}

func (doctorThing) TableName() string { return "test_things" }

// doctorOther has what only a tag can say.
type doctorOther struct {
	ID     int32    `gorm:"primaryKey"`
	Key    string   `gorm:"type:uuid;not null"`
	Price  float64  `gorm:"type:numeric(10,2)"`
	Words  []string `gorm:"type:text[]"`
	Name   string   `gorm:"size:20"`
	Odd    string   `gorm:"type:text COLLATE \"C\""`
	Colour string
	Mail   string
}

func (doctorOther) TableName() string { return "elsewhere.others" }

// TestExamine_Columns spoils the table, a statement a case.
func TestExamine_Columns(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"ALTER TABLE test_things RENAME TO moved":                                         "table test_things is missing",
		"ALTER TABLE test_things DROP COLUMN note":                                        "test_things.note is missing",
		"ALTER TABLE test_things ALTER title DROP NOT NULL":                               "test_things.title may be NULL, and the model's may not",
		"ALTER TABLE test_things ALTER version TYPE integer":                              "test_things.version is of type integer, the model's is bigint",
		"ALTER TABLE test_things ALTER created_at TYPE timestamp":                         "test_things.created_at is of type timestamp without time zone, the model's is timestamp with time zone",
		"ALTER TABLE test_things ALTER note TYPE bytea USING note::bytea":                 "test_things.note is of type bytea, the model's is text",
		"ALTER TABLE test_things ADD COLUMN must int NOT NULL":                            "test_things.must is NOT NULL without a default, and no model has it",
		"ALTER TABLE test_things ADD COLUMN may int":                                      "",
		"ALTER TABLE test_things ADD COLUMN more int NOT NULL DEFAULT 1":                  "",
		"ALTER TABLE test_things ALTER title TYPE varchar(200)":                           "",
		"ALTER TABLE test_things DROP COLUMN note, DROP COLUMN link":                      "test_things.link is missing; test_things.note is missing",
		"CREATE DOMAIN heading AS text; ALTER TABLE test_things ALTER title TYPE heading": "",
	} {
		t.Run(sql, func(t *testing.T) {
			t.Parallel()
			database := dbtest.Things(t)
			doctorRun(t, database, sql)
			status := db.Sound
			if want != "" {
				status = db.Fail
			}
			examine(t, doctorOptions(database), db.Surroundings{Models: []any{&doctorThing{}}}).wants(t, "columns", status, want)
		})
	}
}

// TestExamine_ColumnsOfTags: types that Go does not have, in a schema that is not searched.
func TestExamine_ColumnsOfTags(t *testing.T) {
	t.Parallel()
	database := dbtest.Empty(t)
	doctorRun(t, database, `CREATE SCHEMA elsewhere; CREATE TYPE colour AS ENUM ('red'); CREATE DOMAIN mail AS text NOT NULL; CREATE TABLE elsewhere.others (
		id serial PRIMARY KEY, key uuid NOT NULL, price numeric(12,3), words text[], name text, odd text COLLATE "C", colour colour, mail mail)`)
	opts := doctorOptions(database)
	doctorRun(t, database, "CREATE TABLE unlisted (id int)")
	opts.Migrations = migrateFiles("1_none.sql", "-- +goose Up\nSELECT 1;\n")
	migrateApply(t, opts)
	around := db.Surroundings{Models: []any{&doctorOther{}}}
	examine(t, opts, around).wants(t, "columns", db.Sound, "8 columns of 1 table are as the models have them; not compared, as no model is listed: unlisted")
	doctorRun(t, database, "ALTER TABLE elsewhere.others ALTER words TYPE text, ALTER price TYPE float8")
	examine(t, opts, around).wants(t, "columns", db.Fail,
		"elsewhere.others.price is of type double precision, the model's is numeric; elsewhere.others.words is of type text, the model's is text[]")
}

// TestExamine_MissingIndexes: what one migration makes and another one takes away, and what somebody has dropped since.
func TestExamine_MissingIndexes(t *testing.T) {
	t.Parallel()
	opts := doctorOptions(dbtest.Empty(t))
	opts.Migrations = migrateFiles("1_make.sql", `-- +goose Up
CREATE TABLE notes (id bigint PRIMARY KEY, a text, b text, c text, "Odd" text);
CREATE TABLE gone (id bigint);
CREATE INDEX notes_a ON notes (lower(a), id);
CREATE UNIQUE INDEX notes_b ON public.notes USING btree (b);
CREATE INDEX notes_c ON notes (c);
CREATE INDEX "Notes_Odd" ON notes ("Odd");
CREATE UNIQUE INDEX notes_key ON notes (a, b);
CREATE INDEX old_name ON notes (id, b);
CREATE INDEX gone_id ON gone (id);
CREATE INDEX too_many ON notes (id);
CREATE INDEX ON notes (id, c);

-- +goose Down
DROP TABLE notes;
`, "2_change.sql", `-- +goose Up
ALTER TABLE notes DROP COLUMN c, ADD CONSTRAINT notes_unique UNIQUE USING INDEX notes_key;
DROP TABLE gone;
DROP INDEX IF EXISTS too_many, unknown;
ALTER INDEX old_name RENAME TO new_name;
ALTER TABLE notes RENAME TO remarks;
CREATE SCHEMA elsewhere;
CREATE TABLE moved (id bigint);
CREATE INDEX moved_id ON moved (id);
ALTER TABLE moved SET SCHEMA elsewhere;
CREATE INDEX IF NOT EXISTS notes_a ON remarks (a);

-- +goose Down
SELECT 1;
`, "3_more.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY IF NOT EXISTS remarks_id ON remarks (id);\n")
	examine(t, opts, db.Surroundings{}).wants(t, "indexes", db.Warn, "migrations are pending")
	examine(t, opts, db.Surroundings{Models: []any{&doctorThing{}}}).wants(t, "columns", db.Warn, "migrations are pending")
	migrateApply(t, opts)
	examine(t, opts, db.Surroundings{}).wants(t, "indexes", db.Sound, "none of the migrations' 6 is missing")
	doctorRun(t, opts.URL, `DROP INDEX new_name; DROP INDEX remarks_id; DROP INDEX "Notes_Odd"`)
	examine(t, opts, db.Surroundings{}).wants(t, "indexes", db.Warn, "missing: Notes_Odd on remarks, new_name on remarks, remarks_id on remarks, which")
	doctorRun(t, opts.URL, "DROP INDEX notes_b; CREATE INDEX notes_b ON remarks (b)") // which keeps nothing unique
	examine(t, opts, db.Surroundings{}).wants(t, "indexes", db.Fail, "notes_b on ")
}

// migrateApply applies all of the options' migrations.
func migrateApply(t *testing.T, opts db.Options) {
	t.Helper()
	m, err := db.NewMigrator(opts)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// doctorRun runs statements, one after the other.
func doctorRun(t *testing.T, database, sql string) {
	t.Helper()
	if _, err := dbtest.Connect(t, database).PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
}
