package config

import (
	"bytes"
	"unicode"
)

// A statement is one NAME=value of a .env file.
type statement struct {
	line   int // where it begins, from 1
	text   []byte
	single bool // the value stands in single quotes
}

// statements cuts a .env file up where godotenv does. The file has been read once, so each value ends.
func statements(src []byte) (list []statement) {
	rest := src
	for {
		rest = skipBlank(rest)
		if len(rest) == 0 {
			return list
		}
		end, single := statementEnd(rest)
		list = append(list, statement{1 + bytes.Count(src[:len(src)-len(rest)], []byte("\n")), rest[:end], single})
		rest = rest[end:]
	}
}

// skipBlank drops white space and lines of comment.
func skipBlank(src []byte) []byte {
	src = bytes.TrimLeftFunc(src, unicode.IsSpace)
	for bytes.HasPrefix(src, []byte("#")) {
		_, src, _ = bytes.Cut(src, []byte("\n"))
		src = bytes.TrimLeftFunc(src, unicode.IsSpace)
	}
	return src
}

// statementEnd is where a value ends: at its closing quote, else with its line.
func statementEnd(src []byte) (end int, single bool) {
	value := bytes.IndexAny(src, "=:") + 1
	value = len(src) - len(bytes.TrimLeft(src[value:], " \t\v\f\r\u0085\u00a0")) // what godotenv drops there
	if value < len(src) && (src[value] == '\'' || src[value] == '"') {
		for i := value + 1; i < len(src); i++ {
			if src[i] == src[value] && src[i-1] != '\\' {
				return i + 1, src[value] == '\''
			}
		}
	}
	if n := bytes.IndexAny(src[value:], "\r\n"); n >= 0 {
		return value + n, false
	}
	return len(src), false
}
