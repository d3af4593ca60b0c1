package db_test

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/query"
)

type scanKind string

// scanPlain has the types whose values need no conversion, and what they can be embedded in.
type scanPlain struct {
	ID    int64 `gorm:"primaryKey"`
	Text  string
	Kind  scanKind
	Count int32
	Small int16
	Long  int
	Ratio float64
	Done  bool
	At    time.Time
	ScanEmbedded
	Named scanNullable `gorm:"embedded;embeddedPrefix:named_"`
}

// ScanEmbedded and ScanPointed are exported: GORM sees no others.
type ScanEmbedded struct{ Inner string }

type scanNullable struct {
	Text *string
	Kind *scanKind
	Long *int64
	At   *time.Time
}

// scanTyped reads its values itself.
type scanTyped struct {
	ID        int64 `gorm:"primaryKey"`
	Text      sql.NullString
	Count     *sql.NullInt64
	Tags      query.Array[string] `gorm:"type:text[]"`
	Picky     scanPicky
	DeletedAt gorm.DeletedAt
}

// scanPicky takes no text but its own.
type scanPicky string

func (p *scanPicky) Scan(value any) error {
	if value != "right" {
		return fmt.Errorf("wrong: %v", value)
	}
	*p = "taken"
	return nil
}

// scanGORM has what only GORM can read.
type scanGORM struct {
	ID      int64 `gorm:"primaryKey"`
	Text    string
	Natural uint16
	Ratio   float32
	Bytes   []byte
	List    []string `gorm:"serializer:json"`
	*ScanPointed
	Hidden string `gorm:"->:false"`
}

type ScanPointed struct{ Inner *string }

// scanHooked changes what was read.
type scanHooked struct {
	ID   int64 `gorm:"primaryKey"`
	Text string
}

func (h *scanHooked) AfterFind(tx *gorm.DB) error {
	h.Text += fmt.Sprint(" ", tx.RowsAffected)
	if h.ID == 9 {
		return errors.New("nine")
	}
	return nil
}

// scanned is all that a caller gets to see of a query.
type scanned struct {
	Into   any
	Error  string
	Rows   int64
	Hidden any // in the slice's room beyond its end
}

// into reads with find, which gets what start makes.
func into[T any](start func() T, find func(*gorm.DB) *gorm.DB) func(*gorm.DB) scanned {
	return func(tx *gorm.DB) (s scanned) {
		value := start()
		ended := find(tx.Session(&gorm.Session{})).Find(&value)
		if v := reflect.ValueOf(value); v.Kind() == reflect.Slice && v.Cap() < 20 {
			s.Hidden = v.Slice(0, v.Cap()).Interface()
		}
		s.Into, s.Error, s.Rows = value, fmt.Sprint(ended.Error), ended.RowsAffected
		return s
	}
}

func none[T any]() (zero T) { return zero }

func raw(text string) func(*gorm.DB) *gorm.DB {
	return func(tx *gorm.DB) *gorm.DB { return tx.Raw(text) }
}

// needed makes no row an error, as Take and First do.
func needed(text string) func(*gorm.DB) *gorm.DB {
	return func(tx *gorm.DB) *gorm.DB {
		tx = tx.Raw(text)
		tx.Statement.RaiseErrorOnNotFound = true
		return tx
	}
}

// scanValues is a query for rows of id and one more column.
func scanValues(column string, values ...string) func(*gorm.DB) *gorm.DB {
	text := "SELECT * FROM (VALUES "
	for i, value := range values {
		text += fmt.Sprintf("(%d::bigint, %s), ", i+1, value)
	}
	return raw(text[:len(text)-2] + ") AS rows (id, " + column + ")")
}

const scanFull = `SELECT 1::bigint AS id, 'ä' AS text, 'a' AS kind, 2::int AS count, 3::int2 AS small, 4::bigint AS long, 0.5::float8 AS ratio,
	true AS done, '2026-01-02 03:04:05.678901+05'::timestamptz AS at, 'in' AS inner,
	't' AS named_text, 'k' AS named_kind, 5::bigint AS named_long, '2026-01-02'::timestamptz AS named_at`

const scanAll = scanFull + ` UNION ALL SELECT 2, '', '', -2, -3, -4, -1.5, false, '0001-01-01 00:00:00+00', '', NULL, NULL, NULL, NULL`

var scanQueries = map[string]func(*gorm.DB) scanned{
	"models":              into(none[[]scanPlain], raw(scanAll)),
	"pointers":            into(none[[]*scanPlain], raw(scanAll)),
	"one":                 into(none[scanPlain], raw(scanAll)),
	"a pointer to one":    into(none[*scanPlain], raw(scanAll)),
	"an array":            into(none[[3]scanPlain], raw(scanAll)),
	"a short array":       into(none[[1]scanPlain], raw(scanAll)),
	"no rows":             into(none[[]scanPlain], raw("SELECT 1::bigint AS id WHERE false")),
	"no row":              into(none[scanPlain], raw("SELECT 1::bigint AS id WHERE false")),
	"no row, but needed":  into(none[scanPlain], needed("SELECT 1::bigint AS id WHERE false")),
	"no rows, but needed": into(none[[]scanPlain], needed("SELECT 1::bigint AS id WHERE false")),
	"one column":          into(none[[]scanPlain], raw("SELECT 'a' AS text")),
	"unknown columns":     into(none[[]scanPlain], raw("SELECT 1::bigint AS id, 2 AS other, 3 AS a__b")),
	"a column twice":      into(none[[]scanPlain], raw("SELECT 1::bigint AS id, 2::bigint AS id, 'a' AS text")),
	"the field's name":    into(none[[]scanPlain], raw(`SELECT 1::bigint AS "ID", 'a' AS "Text"`)),
	"filled":              into(func() scanPlain { return scanFilled() }, raw(scanAll)),
	"filled, all NULL":    into(func() scanPlain { return scanFilled() }, raw("SELECT NULL::bigint AS id, NULL AS text, NULL AS kind, NULL::float8 AS ratio, NULL::timestamptz AS at, NULL AS named_text, NULL::timestamptz AS named_at")),
	"filled slice":        into(func() []scanPlain { return []scanPlain{scanFilled(), scanFilled(), scanFilled()} }, raw(scanAll)),
	"room":                into(func() []scanPlain { return make([]scanPlain, 0, 5) }, raw(scanAll)),
	"room for pointers":   into(func() []*scanPlain { filled := scanFilled(); return []*scanPlain{&filled, nil, &filled}[:0] }, raw(scanAll)),
	"NULL":                into(none[[]scanPlain], scanValues("text", "NULL", "'b'", "NULL")),
	"text for a number":   into(none[[]scanPlain], scanValues("count", "'7'", "'8'")),
	"no number":           into(none[[]scanPlain], scanValues("count", "'7'", "'x'", "'9'")),
	"overflow":            into(none[[]scanPlain], scanValues("small", "7::bigint", "70000", "9")),
	"float for a number":  into(none[[]scanPlain], scanValues("count", "7::float8", "8.5")),
	"numeric":             into(none[[]scanPlain], scanValues("ratio", "7.25", "8")),
	"number for a text":   into(none[[]scanPlain], scanValues("text", "7", "8")),
	"number for a kind":   into(none[[]scanPlain], scanValues("kind", "7", "8")),
	"truth for a text":    into(none[[]scanPlain], scanValues("text", "true")),
	"text for a truth":    into(none[[]scanPlain], scanValues("done", "'t'", "'maybe'")),
	"json":                into(none[[]scanPlain], scanValues("text", `'{"a": 1}'::jsonb`, "NULL")),
	"bytes":               into(none[[]scanPlain], scanValues("text", `'\x41'::bytea`)),
	"uuid":                into(none[[]scanPlain], scanValues("text", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid")),
	"interval":            into(none[[]scanPlain], scanValues("text", "'1 day'::interval")),
	"time for a text":     into(none[[]scanPlain], scanValues("text", "'2026-01-02'::timestamptz")),
	"date":                into(none[[]scanPlain], scanValues("at", "'2026-01-02'::date")),
	"timestamp":           into(none[[]scanPlain], scanValues("at", "'2026-01-02 03:04:05'::timestamp")),
	"infinity":            into(none[[]scanPlain], scanValues("at", "'2026-01-02'::timestamptz", "'infinity'", "'2026-01-03'")),
	"later infinity":      into(func() []scanPlain { return make([]scanPlain, 0, 9) }, scanValues("named_at", "'2026-01-02'::timestamptz", "NULL", "'infinity'", "'2026-01-03'")),
	"division by zero":    into(none[[]scanPlain], raw("SELECT id, (1 / (3 - id))::int AS count FROM generate_series(1::bigint, 9) AS id")),
	"typed":               into(none[[]scanTyped], raw("SELECT 1::bigint AS id, 'a' AS text, 2::bigint AS count, '{a,b}'::text[] AS tags, 'right' AS picky, '2026-01-02'::timestamptz AS deleted_at UNION ALL SELECT 2, NULL, NULL, NULL, NULL, NULL")),
	"a typed error":       into(none[[]scanTyped], scanValues("picky", "'right'", "'left'", "'right'")),
	"typed from another":  into(none[[]scanTyped], scanValues("text", "7", "NULL")),
	"only GORM":           into(none[[]scanGORM], raw(`SELECT 1::bigint AS id, 'a' AS text, 7 AS natural, 0.5::float4 AS ratio, '\x41'::bytea AS bytes, '["c"]' AS list, 'd' AS inner, 'e' AS hidden`)),
	"GORM's, partly":      into(none[[]scanGORM], raw("SELECT 1::bigint AS id, 'a' AS text")),
	"a hook":              into(none[[]scanHooked], raw("SELECT id, 'a' AS text FROM generate_series(1::bigint, 3) AS id")),
	"a hook's error":      into(none[scanHooked], raw("SELECT 9::bigint AS id, 'a' AS text")),
	"another model":       into(none[[]scanHooked], func(tx *gorm.DB) *gorm.DB { return tx.Model(&scanPlain{}).Raw("SELECT 1::bigint AS id, 'a' AS text") }),
	"a map":               into(none[map[string]any], func(tx *gorm.DB) *gorm.DB { return tx.Model(&scanPlain{}).Raw("SELECT 1::bigint AS id") }),
	"numbers":             into(none[[]int64], func(tx *gorm.DB) *gorm.DB { return tx.Model(&scanPlain{}).Raw("SELECT 1::bigint AS id") }),
}

func scanFilled() scanPlain {
	text, kind, at := "old", scanKind("old"), time.Unix(1, 0)
	return scanPlain{ID: 8, Text: "old", Kind: "old", Ratio: 2, At: at, Named: scanNullable{Text: &text, Kind: &kind, At: &at}}
}

// TestScanAsGORM reads everything twice: with GORM's statement cache, whose queries GORM reads itself, and without.
func TestScanAsGORM(t *testing.T) {
	t.Parallel()
	asText := func(o *db.Options) { o.URL += "&default_query_exec_mode=exec" } // numbers, too
	for mode, conn := range map[string]*db.DB{"": first(sessionOpen(t)), ", as text": first(sessionOpen(t, asText))} {
		scanAsGORM(t, mode, conn)
	}
}

func first[A, B, C any](a A, _ B, _ C) A { return a }

func scanAsGORM(t *testing.T, mode string, conn *db.DB) {
	t.Helper()
	for name, read := range scanQueries {
		t.Run(name+mode, func(t *testing.T) {
			var got, want scanned
			for way, result := range map[bool]*scanned{false: &got, true: &want} {
				_ = conn.WithSession(t.Context(), func(tx *gorm.DB) error {
					*result = read(tx.Session(&gorm.Session{PrepareStmt: way, NowFunc: time.Now}))
					return nil
				})
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// TestScanDirectly: what needs no conversion does not go through database/sql.
func TestScanDirectly(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t)
	bridged := conn.CountBridged()
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		for _, name := range []string{"models", "pointers", "one", "no row", "one column", "typed"} {
			if s := scanQueries[name](tx); s.Error != "<nil>" || bridged() > 0 {
				t.Errorf("%s: error %s, by database/sql: %d", name, s.Error, bridged())
			}
		}
		if scanQueries["only GORM"](tx); bridged() != 1 {
			t.Errorf("what only GORM can read, by database/sql: %d", bridged())
		}
		return nil
	}))
}
