package web

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestFaultsOfScalars: each way to be wrong has its own sentence.
func TestFaultsOfScalars(t *testing.T) {
	t.Parallel()
	const zoned, day = "must be a time with its zone, such as 2026-11-22T22:23:00Z", "must be a date, such as 2026-11-22"
	for _, row := range []struct {
		typ        reflect.Type
		text, want string
	}{
		{reflect.TypeFor[time.Time](), "2026-11-22T22:23:00Z", ""},
		{reflect.TypeFor[time.Time](), "yesterday", zoned},
		{reflect.TypeFor[time.Time](), "", zoned},
		{reflect.TypeFor[time.Time](), "1700000000", zoned},
		{reflect.TypeFor[time.Time](), "2026-11-22", zoned + ": the time of day is missing"},
		{reflect.TypeFor[time.Time](), "2026-11-22T22:23:00", zoned + ": the zone is missing"},
		{reflect.TypeFor[time.Time](), "2026-11-22T22:23:00+01", zoned + ": the zone must be Z or an offset, such as +01:00"},
		{reflect.TypeFor[time.Time](), "2026-11-22T22:23:00 CET", zoned + ": the zone must be Z or an offset, such as +01:00"},
		{reflect.TypeFor[time.Time](), "2026-11-22T22:23:00+25:00", zoned + ": the time zone offset hour is out of range"},
		{reflect.TypeFor[time.Time](), "2026-11-22 22:23:00Z", zoned + ": between date and time there must be a T"},
		{reflect.TypeFor[time.Time](), "2026-11-22T22:23Z", zoned + ": hour, minute and second must all be there"},
		{reflect.TypeFor[time.Time](), "2026-02-30T00:00:00Z", zoned + ": the day is out of range"},
		{reflect.TypeFor[time.Time](), "2026-13-01T00:00:00Z", zoned + ": the month is out of range"},
		{reflect.TypeFor[time.Time](), "2026-01-01T24:00:00Z", zoned + ": the hour is out of range"},
		{reflect.TypeFor[time.Time](), "2026-01-01T23:60:00Z", zoned + ": the minute is out of range"},
		{reflect.TypeFor[time.Time](), "2026-01-01T23:59:60Z", zoned + ": the second is out of range"},
		{reflect.TypeFor[Date](), "2026-04-31", day + ": the day is out of range"},
		{reflect.TypeFor[Date](), "2026-00-01", day + ": the month is out of range"},
		{reflect.TypeFor[Date](), "22.11.2026", day},
		{reflect.TypeFor[int](), "+5", ""},
		{reflect.TypeFor[int](), "", "must be a whole number, not empty"},
		{reflect.TypeFor[int](), "ten", "must be a whole number"},
		{reflect.TypeFor[int](), "1.5", "must be a whole number"},
		{reflect.TypeFor[int](), " 5", "must be a whole number, without white space"},
		{reflect.TypeFor[int](), "1_000", "must be a whole number, without separators"},
		{reflect.TypeFor[int](), "0x10", "must be a whole number, in decimal digits"},
		{reflect.TypeFor[int8](), "128", "must be at most 127"},
		{reflect.TypeFor[int8](), "-129", "must be at least -128"},
		{reflect.TypeFor[uint8](), "-1", "must be at least 0"},
		{reflect.TypeFor[uint8](), "five", "must be a whole number"},
		{reflect.TypeFor[float64](), "1e3", ""},
		{reflect.TypeFor[float64](), "", "must be a number, not empty"},
		{reflect.TypeFor[float64](), "1,5", "must be a number, with a point and no comma"},
		{reflect.TypeFor[float64](), "-Inf", "must be a number, and finite"},
		{reflect.TypeFor[float64](), "NaN", "must be a number, and finite"},
		{reflect.TypeFor[float64](), "0x1p4", "must be a number, in decimal digits"},
		{reflect.TypeFor[float64](), "1e309", "is too large a number"},
		{reflect.TypeFor[float64](), "-1e309", "is too small a number"},
		{reflect.TypeFor[bool](), "yes", "must be true or false"},
	} {
		types, err := NewTypes(nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := types.of(row.typ, true)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.parse(row.text, reflect.New(row.typ).Elem()); got != row.want {
			t.Errorf("%v %q: %q, want %q", row.typ, row.text, got, row.want)
		}
	}
}

// TestRuleOfEachValue: what a rule says of a value is what the client reads.
func TestRuleOfEachValue(t *testing.T) {
	t.Parallel()
	types, err := NewTypes(map[string]Rule{"tidy": {Message: "must be tidy", Check: func(text string) string {
		switch {
		case strings.HasPrefix(text, "."):
			return "must not begin with a dot"
		case strings.HasSuffix(text, "."):
			return "must not end with a dot"
		}
		return ""
	}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := types.Request(struct {
		V string `json:"v" validate:"max=3,tidy"`
	}{})
	if err != nil {
		t.Fatal(err)
	}
	field := (*s.Fields)[0]
	for text, want := range map[string]string{"a": "", ".a": "must not begin with a dot", "a.": "must not end with a dot", ".aaa": "must be at most 3 characters long"} {
		if got := field.parse(text, reflect.New(field.typ).Elem()); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if about := field.Doc["description"]; about != "Must be tidy." {
		t.Errorf("the document says %q", about)
	}
}
