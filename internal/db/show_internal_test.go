package db

import (
	"bytes"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"
)

type (
	showWord   string
	showBytes  []byte
	showUUID   [16]byte
	showStatus int
	showValue  struct{ text string }  // a driver.Valuer
	showRef    struct{ text *string } // one by pointer
	showFails  struct{}
	showPlain  struct {
		Name *string
		Size int
	}
)

func (v showValue) Value() (driver.Value, error) { return v.text, nil }
func (r *showRef) Value() (driver.Value, error)  { return *r.text, nil }
func (showFails) Value() (driver.Value, error)   { return nil, errors.New("no such thing") }

func TestShown(t *testing.T) {
	t.Parallel()
	text, number := "a text", int64(7)
	pointer, none := &text, (*string)(nil)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	for _, test := range []struct{ arg, want any }{
		{nil, nil},
		{"a", "a"},
		{7, 7},
		{true, true},
		{&text, text},
		{&pointer, text},
		{none, nil},
		{&none, nil},
		{&number, number},
		{[]byte("text"), "text"},
		{[]byte{}, ""},
		{[]byte(nil), nil},
		{[]byte{0xff, 0}, `\xff00`},
		{showBytes("named"), "named"},
		{json.RawMessage(`{"a":1}`), `{"a":1}`},
		{[]json.RawMessage{json.RawMessage(`{}`)}, []any{"{}"}},
		{[][]byte{[]byte("a"), {0xff}}, []any{"a", `\xff`}},
		{at, "2026-01-02T03:04:05.000006Z"},
		{&at, "2026-01-02T03:04:05.000006Z"},
		{[]time.Time{at}, []any{"2026-01-02T03:04:05.000006Z"}},
		{time.Duration(5), time.Duration(5)},
		{showWord("named"), "named"},
		{showStatus(3), showStatus(3)},
		{showValue{"inner"}, "inner"},
		{&showValue{"inner"}, "inner"},
		{(*showValue)(nil), nil},
		{&showRef{&text}, text},
		{(*showRef)(nil), nil},
		{showFails{}, "no value: no such thing"},
		{sql.NullString{String: "a", Valid: true}, "a"},
		{sql.NullString{}, nil},
		{sql.NullTime{Time: at, Valid: true}, "2026-01-02T03:04:05.000006Z"},
		{&sql.Null[int64]{V: 3, Valid: true}, int64(3)},
		{gorm.DeletedAt{}, nil},
		{gorm.DeletedAt{Time: at, Valid: true}, "2026-01-02T03:04:05.000006Z"},
		{showUUID{0x12, 0x3e, 0x45}, "123e4500-0000-0000-0000-000000000000"},
		{&showUUID{}, "00000000-0000-0000-0000-000000000000"},
		{[3]byte{1, 2, 3}, `\x010203`},
		{[]string{"a", "b"}, []any{"a", "b"}},
		{[]string(nil), nil},
		{[]*string{&text, nil}, []any{text, nil}},
		{&[]int{1}, []any{1}},
		{map[string]any{"a": &text, "b": nil}, `{"a":"a text","b":null}`},
		{showPlain{&text, 1}, `{"Name":"a text","Size":1}`},
		{&showPlain{nil, 1}, `{"Name":null,"Size":1}`},
		{netip.MustParseAddr("::1"), "::1"},
		{net.ParseIP("10.0.0.1"), "10.0.0.1"},
		{big.NewInt(12), "12"},
		{math.NaN(), "NaN"},
		{float32(1.5), float32(1.5)},
		{func() {}, "func()"},
	} {
		if diff := cmp.Diff([]any{test.want}, shown([]any{test.arg})); diff != "" {
			t.Errorf("%T %v (-want +got):\n%s", test.arg, test.arg, diff)
		}
	}
}

// TestShownInTheLog: in both formats, without an address, and in dev only.
func TestShownInTheLog(t *testing.T) {
	t.Parallel()
	text := "a text"
	pointer := &text
	args := []any{&text, &pointer, []byte(text), map[string]*string{"k": &text}, math.Inf(1), showPlain{Name: &text}}
	for _, dev := range []bool{true, false} {
		var log bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
			log.Reset()
			d := &DB{opts: Options{Dev: dev}}
			slog.New(handler).LogAttrs(t.Context(), slog.LevelInfo, "sql", d.describe("SELECT 1", args, 0)...)
			if n := strings.Count(log.String(), text); dev && n != 5 || !dev && n != 0 {
				t.Errorf("dev %v: shown %d times: %s", dev, n, &log)
			}
			if address := fmt.Sprintf("%p", &text); strings.Contains(log.String(), "0xc0") || strings.Contains(log.String(), address) || strings.Contains(log.String(), "!ERROR") {
				t.Errorf("dev %v: %s", dev, &log)
			}
		}
	}
}
