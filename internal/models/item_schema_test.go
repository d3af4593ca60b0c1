package models_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/models"
)

// TestConstraints inserts as a client does that knows nothing of the API. want is the constraint or the SQLSTATE that
// refuses the row, "" if it is one to keep.
func TestConstraints(t *testing.T) {
	t.Parallel()
	conn := dbtest.Connect(t, dbtest.New(t))
	for _, test := range []struct {
		column string
		value  any
		want   string
	}{
		{"id", 0, "items_id_positive"},
		{"id", -1, "items_id_positive"},
		{"id", int64(math.MaxInt64), ""},
		{"title", nil, "23502"},
		{"title", "", "items_title_length"},
		{"title", strings.Repeat("😀", 200), ""},
		{"title", strings.Repeat("a", 201), "items_title_length"},
		{"title", " \u00a0\u2003\u3000", "items_title_visible"},
		{"title", " \t\r\n", "items_title_line"},
		{"title", "\u200b\u2060\ufeff\u00ad \U000e0001", "items_title_visible"},
		{"title", "a\u200bb", ""},
		{"title", "a\tb", "items_title_line"},
		{"title", "a\u009b31m", "items_title_line"},
		{"title", "a\u202egpj.wav", "items_title_line"},
		{"title", "a\u2066b", "items_title_line"},
		{"title", "a\u2029b", "items_title_line"},
		{"title", "\u200fa\u061c", ""},
		{"title", "a\x00", "22021"},
		{"title", "a\xff", "22021"},
		{"audio_url", nil, "23502"},
		{"audio_url", "", "items_audio_url_scheme"},
		{"audio_url", "https://", "items_audio_url_scheme"},
		{"audio_url", "https:///a.wav", "items_audio_url_scheme"},
		{"audio_url", "ftp://example.com/", "items_audio_url_scheme"},
		{"audio_url", " https://example.com/", "items_audio_url_encoded"},
		{"audio_url", "file:///etc/passwd", "items_audio_url_scheme"},
		{"audio_url", "https://user:password@example.com/", "items_audio_url_no_password"},
		{"audio_url", "https://example.com/a@b", ""},
		{"audio_url", "https://example.com?a=b@c", ""},
		{"audio_url", "https://example.com/a b", "items_audio_url_encoded"},
		{"audio_url", "https://example.com/a\u200b", "items_audio_url_encoded"},
		{"audio_url", `https://example.com\a`, "items_audio_url_encoded"},
		{"audio_url", "https://example.com/\x7f", "items_audio_url_encoded"},
		{"audio_url", "HTTPS://example.com", ""},
		{"audio_url", "s3://my_bucket/a.wav", ""},
		{"audio_url", "gs://bucket", ""},
		{"audio_url", longURL(2048), ""},
		{"audio_url", longURL(2049), "items_audio_url_length"},
		{"audio_url", longURL(2047) + "é", "items_audio_url_length"},
		{"language", nil, "23502"},
		{"language", "", "items_language_tag"},
		{"language", "en_US", "items_language_tag"},
		{"language", "en-", "items_language_tag"},
		{"language", "abcdefghi", "items_language_tag"},
		{"language", "en\n", "items_language_tag"},
		{"language", "en-US-u-co-phonebk", ""},
		{"language", "x-private", ""},
		{"language", "en-x" + strings.Repeat("-abcdefgh", 10), ""},
		{"language", "en-x" + strings.Repeat("-abcdefgh", 11), "items_language_length"},
		{"status", nil, "23502"},
		{"status", "", "items_status_known"},
		{"status", "done", "items_status_known"},
		{"status", "Pending", "items_status_known"},
		{"transcript", "", ""},
		{"transcript", strings.Repeat("😀", 500_000), ""},
		{"transcript", strings.Repeat("a", 500_001), "items_transcript_length"},
		{"duration_seconds", 0, ""},
		{"duration_seconds", 1e308, ""},
		{"duration_seconds", -1e-300, "items_duration_positive"},
		{"duration_seconds", "Infinity", "items_duration_positive"},
		{"duration_seconds", "-Infinity", "items_duration_positive"},
		{"duration_seconds", "NaN", "items_duration_positive"},
		{"error", strings.Repeat("é", 2000), ""},
		{"error", strings.Repeat("a", 2001), "items_error_length"},
		{"version", nil, "23502"},
		{"created_at", nil, "23502"},
		{"created_at", "0001-01-01 00:00Z", ""},
		{"created_at", "0001-12-31 23:59:59.999999Z BC", "items_times"},
		{"created_at", "9999-12-31 23:59:59.999999Z", ""},
		{"created_at", "10000-01-01 00:00Z", "items_times"},
		{"created_at", "infinity", "items_times"},
		{"created_at", "-infinity", "items_times"},
		{"updated_at", nil, "23502"},
		{"updated_at", "infinity", "items_times"},
		{"lease_until", "infinity", "items_times"},
		{"retry_at", nil, ""},
		{"retry_at", "infinity", "items_times"},
	} {
		row := map[string]any{"title": "a", "audio_url": "https://example.com/"}
		row[test.column] = test.value
		if got := refusedBy(t, insertRow(t, conn, row)); got != test.want {
			t.Errorf("%s = %.60q: refused by %q, want %q", test.column, fmt.Sprint(test.value), got, test.want)
		}
	}
}

func longURL(size int) string {
	const start = "https://example.com/"
	return start + strings.Repeat("a", size-len(start))
}

// insertRow sends values as text, as psql does.
func insertRow(t *testing.T, conn *pgx.Conn, row map[string]any) error {
	var columns, values []string
	args := []any{pgx.QueryExecModeExec}
	for column, value := range row {
		columns = append(columns, column)
		values = append(values, fmt.Sprintf("$%d", len(args)))
		args = append(args, value)
	}
	sql := fmt.Sprintf("INSERT INTO items (%s) VALUES (%s)", strings.Join(columns, ","), strings.Join(values, ","))
	_, err := conn.Exec(t.Context(), sql, args...)
	return err
}

func refusedBy(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		t.Fatal(err)
	}
	if refusal.Code == "23514" {
		return refusal.ConstraintName
	}
	return refusal.Code
}

func TestDefaultsOfTheTable(t *testing.T) {
	t.Parallel()
	conn, url := open(t)
	dbtest.Exec(t, url, "INSERT INTO items (title, audio_url) VALUES ('a', 'https://example.com/')")
	items, more := list(t, conn, models.ItemFilter{Limit: 1})
	if len(items) != 1 || more || items[0].ID == 0 || items[0].CreatedAt.IsZero() || !items[0].CreatedAt.Equal(items[0].UpdatedAt) {
		t.Fatalf("%+v", items)
	}
	want := models.Item{
		ID: items[0].ID, Title: "a", AudioURL: "https://example.com/", Language: "en", Status: models.Pending, Version: 1,
		CreatedAt: items[0].CreatedAt, UpdatedAt: items[0].UpdatedAt,
	}
	if diff := cmp.Diff(want, items[0]); diff != "" {
		t.Error(diff)
	}
}

// TestTrigger updates as psql would, and tries to set what is the table's own business.
func TestTrigger(t *testing.T) {
	t.Parallel()
	conn, url := open(t)
	item := create(t, conn)
	for _, sql := range []string{
		"UPDATE items SET title = 'b'",
		"UPDATE items SET title = title",
		"UPDATE items SET version = 1, updated_at = '2000-01-01'",
	} {
		dbtest.Exec(t, url, sql)
		after, err := find(t, conn, item.ID)
		if err != nil || after.Version != item.Version+1 || !after.UpdatedAt.After(item.UpdatedAt) || !after.CreatedAt.Equal(item.CreatedAt) {
			t.Errorf("%s: from version %d, %v to %d, %v (%v)", sql, item.Version, item.UpdatedAt, after.Version, after.UpdatedAt, err)
		}
		item = after
	}
	future := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	dbtest.Exec(t, url, "ALTER TABLE items DISABLE TRIGGER items_touch")
	dbtest.Exec(t, url, "UPDATE items SET updated_at = $1", future)
	dbtest.Exec(t, url, "ALTER TABLE items ENABLE TRIGGER items_touch")
	dbtest.Exec(t, url, "UPDATE items SET title = 'c'")
	if after, err := find(t, conn, item.ID); err != nil || !after.UpdatedAt.Equal(future) {
		t.Errorf("a clock that went back took updated_at back with it, to %v (%v)", after.UpdatedAt, err)
	}
}
