package handlers_test

import (
	"testing"
	"unicode"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/handlers"
)

// TestTableRefusesTheSameCharacters: the API decides by Unicode's properties, the table by lists of characters. Both
// must take the same, with those before and after each of them.
func TestTableRefusesTheSameCharacters(t *testing.T) {
	t.Parallel()
	conn := dbtest.Connect(t, dbtest.New(t))
	special := func(r rune) bool {
		return r < 0x100 || unicode.In(r, unicode.Z, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
	}
	same := func(title, url, fault string) {
		_, err := conn.Exec(t.Context(), "INSERT INTO items (title, audio_url) VALUES ($1, $2)", title, url)
		if (err == nil) != (fault == "") {
			t.Errorf("%+q, %+q: the API says %q, the table %v", title, url, fault, err)
		}
	}
	for r := rune(1); r < unicode.MaxRune; r++ {
		hidden := r > 0xe0200 && r < 0xe0fff // all of them
		if unicode.Is(unicode.Cs, r) || hidden || !special(r-1) && !special(r) && !special(r+1) {
			continue
		}
		for _, title := range []string{string(r), "a" + string(r)} {
			same(title, "https://e.com/", handlers.LineFault(title))
		}
		if url := "https://e.com/a" + string(r); r != '%' { // which is about those after it
			same("a", url, handlers.AudioURLFault(url))
		}
	}
}
