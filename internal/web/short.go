package web

import "unicode/utf8"

// maxShort is how many bytes of a client's own text an answer repeats.
const maxShort = 100

// short cuts a client's text, which can be as long as a body may be.
func short(text string) string {
	if len(text) <= maxShort {
		return text
	}
	end := maxShort
	for end > maxShort-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
