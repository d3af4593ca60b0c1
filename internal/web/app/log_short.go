package app

import (
	"bytes"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ShortLines writes the lines of slog's TextHandler for a terminal: the time of
// day, the level and the message without their names, and names in grey. Values
// stay as TextHandler has quoted them, so that no character of a client's reaches
// the terminal that this would obey. A library was looked at: lmittmann/tint
// passes on escape sequences that values hold.
func ShortLines(w io.Writer, coloured bool) io.Writer { return shortener{w, coloured} }

type shortener struct {
	io.Writer
	coloured bool
}

// Colours of the terminal's own palette, which its reader has chosen.
const (
	red, green, yellow, blue = "31", "32", "33", "34"
	grey                     = "90"
)

var levels = []struct{ name, short, colour string }{
	{"DEBUG", "DBG", blue}, {"INFO", "INF", green}, {"WARN", "WRN", yellow}, {"ERROR", "ERR", red},
}

// heads are what TextHandler begins a line with.
var heads = []string{slog.TimeKey, slog.LevelKey, slog.MessageKey}

func (s shortener) Write(line []byte) (int, error) {
	var out bytes.Buffer
	text := strings.TrimSuffix(string(line), "\n")
	text = strings.ReplaceAll(text, "\x7f", `\x7f`) // the one control character that TextHandler does not quote
	for i := 0; text != ""; i++ {
		name, rest := token(text, "=")
		value, rest := token(strings.TrimPrefix(rest, "="), " ")
		text = strings.TrimPrefix(rest, " ")
		if i > 0 {
			out.WriteByte(' ')
		}
		if i < len(heads) && name == heads[i] {
			out.WriteString(s.head(name, value))
		} else {
			out.WriteString(s.paint(grey, name+"=") + value)
		}
	}
	out.WriteByte('\n')
	_, err := s.Writer.Write(out.Bytes())
	return len(line), err
}

// token cuts off a text that TextHandler has quoted, or that reaches to the
// separator.
func token(text, separator string) (token, rest string) {
	if quoted, err := strconv.QuotedPrefix(text); err == nil {
		return quoted, text[len(quoted):]
	}
	if at := strings.Index(text, separator); at >= 0 {
		return text[:at], text[at:]
	}
	return text, ""
}

func (s shortener) head(name, value string) string {
	switch name {
	case slog.TimeKey:
		_, clock, _ := strings.Cut(value, "T")
		return s.paint(grey, clock[:min(len(clock), len("15:04:05.000"))])
	case slog.LevelKey:
		for _, level := range levels {
			if more, ok := strings.CutPrefix(value, level.name); ok {
				return s.paint(level.colour, level.short+more)
			}
		}
		return value
	default:
		return plain(value)
	}
}

// plain takes the quotes off that only spaces have asked for.
func plain(value string) string {
	text, err := strconv.Unquote(value)
	if err != nil || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return value
	}
	return text
}

func (s shortener) paint(colour, text string) string {
	if !s.coloured {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
