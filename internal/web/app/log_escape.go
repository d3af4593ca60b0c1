package app

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"unicode"
	"unicode/utf16"
)

// EscapeJSON writes JSON in which each character that is not printed is escaped.
// JSON leaves most of them as they are, and a terminal that a log is shown on
// obeys some: U+009B begins a command, U+202E turns what follows.
func EscapeJSON(w io.Writer) io.Writer { return escaper{w} }

type escaper struct{ io.Writer }

func (e escaper) Write(line []byte) (int, error) {
	if !slices.ContainsFunc(line, func(b byte) bool { return b >= 0x7f }) { // as a rule
		return e.Writer.Write(line)
	}
	var out bytes.Buffer
	for _, r := range string(line) {
		switch high, low := utf16.EncodeRune(r); {
		case !hidden(r):
			out.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	_, err := e.Writer.Write(out.Bytes())
	return len(line), err
}

// hidden: JSON itself has escaped what is below U+0020; the line's end stays.
func hidden(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) }
