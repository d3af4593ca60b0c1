package web

import "unicode/utf8"

// maxShort is how many bytes of a client's own text an answer repeats.
const maxShort = 100

// short cuts a client's text, which can be as long as a body may be.
func short(text string) string { return Cut(text, maxShort) }

// Cut leaves the first bytes of a text, as many as most allows without half a
// character, and a sign that there were more.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
