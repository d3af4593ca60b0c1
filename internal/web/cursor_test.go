package web

import (
	"encoding/base64"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/query"
)

func cursorOf(t testing.TB, at time.Time, id int64) string {
	t.Helper()
	cursor, err := FormatCursor("a list", &query.Key[time.Time]{Value: at, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return *cursor
}

// FuzzParseCursor: one that is taken is one that was given out, to the letter; one that was given out is taken.
func FuzzParseCursor(f *testing.F) {
	known := cursorOf(f, time.UnixMicro(0), 1)
	f.Add("", int64(0), int64(1))
	f.Add(known, int64(1767225600000000), int64(42))
	f.Add(known+"\n", int64(0), int64(2)) // the decoder skips line breaks
	f.Add(known+"=", int64(-1)<<50, int64(1)<<62)
	f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, 24)), int64(1)<<50, int64(-1))
	f.Fuzz(func(t *testing.T, text string, micros, id int64) {
		if key, err := ParseCursor[time.Time]("a list", text); err == nil && key != nil && cursorOf(t, key.Value, key.ID) != text {
			t.Fatalf("%q was taken, and is %q when given out", text, cursorOf(t, key.Value, key.ID))
		}
		at := time.UnixMicro(micros % (1 << 55)).UTC() // what PostgreSQL and RFC 3339 both have
		given := cursorOf(t, at, id)
		key, err := ParseCursor[time.Time]("a list", given)
		if err != nil || key.ID != id || !key.Value.Equal(at) {
			t.Fatalf("%v, %d came back as %v: %v", at, id, key, err)
		}
		if key, err := ParseCursor[time.Time]("another list", given); err == nil {
			t.Fatalf("another list has taken it as %v", key)
		}
		tampered := []byte(given)
		tampered[uint64(id)%uint64(len(tampered))] ^= 1
		if key, err := ParseCursor[time.Time]("a list", string(tampered)); err == nil {
			t.Fatalf("%q was taken as %v", tampered, key)
		}
	})
}

// TestCursorsOfOtherColumns: any column that JSON has words for can be a page's order.
func TestCursorsOfOtherColumns(t *testing.T) {
	t.Parallel()
	text, err := FormatCursor("a list", &query.Key[string]{Value: "Zürich 😀", ID: 7})
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseCursor[string]("a list", *text)
	if err != nil || *key != (query.Key[string]{Value: "Zürich 😀", ID: 7}) {
		t.Errorf("%+v %v", key, err)
	}
	if _, err := ParseCursor[int64]("a list", *text); err == nil {
		t.Error("a text was taken for a number")
	}
	if none, err := FormatCursor[string]("a list", nil); none != nil || err != nil {
		t.Errorf("after the last page: %v %v", none, err)
	}
}
