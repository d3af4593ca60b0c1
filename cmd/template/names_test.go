package main

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for r, want := range map[request]names{
		{module: "example.org/you/notes"}:                        {"example.org/you/notes", "notes", "Notes", "notes"},
		{module: "example.org/you/notes/v2"}:                     {"example.org/you/notes/v2", "notes", "Notes", "notes"},
		{module: "example.org/you/x", name: "note-book-api"}:     {"example.org/you/x", "note-book-api", "Note Book API", "note_book_api"},
		{module: "example.org/You/notes", holder: "Zoë & Söhne"}: {"example.org/You/notes", "notes", "Notes", "notes"},
	} {
		got, err := r.check(t.Context())
		if err != nil || got != want {
			t.Errorf("%+v: %+v, %v; want %+v", r, got, err, want)
		}
	}
}

func TestBadNames(t *testing.T) {
	t.Parallel()
	for r, want := range map[request]string{
		{}:                                      "MODULE is not given",
		{module: "notes"}:                       "MODULE: malformed module path",
		{module: "https://example.org/notes"}:   "MODULE: malformed module path",
		{module: "example.org/you/no tes"}:      "MODULE: malformed module path",
		{module: "example.org/you/Notes"}:       `NAME "Notes": must be lower-case`,
		{module: "example.org/n", name: "1st"}:  "must be lower-case",
		{module: "example.org/n", name: "a--b"}: "must be lower-case",
		{module: "example.org/n", name: strings.Repeat("a", 36)}: "at most 35",
		{module: "example.org/n", name: "func"}:                  "is reserved",
		{module: "example.org/n", name: "postgres"}:              "is reserved",
		{module: "example.org/you/fmt"}:                          "is a package of the standard library, fmt",
		{module: "example.org/n", name: "http"}:                  "is a package of the standard library, net/http",
		{module: "example.org/n", holder: "a\nb"}:                "HOLDER: must be one line",
	} {
		if _, err := r.check(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", r, err, want)
		}
	}
}

// TestNewNameIsNotReplacedAgain: the new module path may contain the old name.
func TestNewNameIsNotReplacedAgain(t *testing.T) {
	t.Parallel()
	from := originalNames("example.com/old-api")
	to := namesOf("example.org/old-api/two", "two")
	got := renamer(from, to, from.module).Replace("example.com/old-api/internal/db old-api Old API /old?")
	if want := "example.org/old-api/two/internal/db two Two /two?"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
