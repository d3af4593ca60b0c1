package db

import "strings"

// quotedName stands for a name in double quotes.
const quotedName = `"`

// statements splits a text at its semicolons and returns each statement's words
// in capitals, and symbols, without comments and literals. The body of a
// function in SQL (BEGIN ATOMIC … END) is part of its statement.
func statements(text string) (list [][]string) {
	var words []string
	atomic := false
	for token := nextToken(&text); token != ""; token = nextToken(&text) {
		if token == ";" && !atomic {
			if len(words) > 0 {
				list = append(list, words)
			}
			words = nil
			continue
		}
		atomic = inAtomic(atomic, words, token)
		words = append(words, token)
	}
	if len(words) > 0 {
		list = append(list, words)
	}
	return list
}

// inAtomic reports whether the token after words is in a function's body. Only
// END at the place of a statement ends it: others end a CASE. Elsewhere BEGIN
// may be a column, and ATOMIC its new name.
func inAtomic(atomic bool, words []string, token string) bool {
	last := ""
	if len(words) > 0 {
		last = words[len(words)-1]
	}
	if atomic {
		return token != "END" || last != ";" && last != "ATOMIC"
	}
	return token == "ATOMIC" && last == "BEGIN" && createsRoutine(words)
}

func createsRoutine(words []string) bool {
	if words[0] != "CREATE" {
		return false
	}
	words = words[1:]
	if len(words) > 2 && words[0] == "OR" && words[1] == "REPLACE" {
		words = words[2:]
	}
	return words[0] == "FUNCTION" || words[0] == "PROCEDURE"
}

// nextToken cuts the next word or symbol off the text; "" is the end.
func nextToken(text *string) string {
	for *text != "" {
		s := *text
		switch c := s[0]; {
		case strings.HasPrefix(s, "--"):
			skipLine(text)
		case strings.HasPrefix(s, "/*"):
			skipComment(text)
		case c == '\'':
			skipQuoted(text, 1, '\'', false)
		case (c == 'e' || c == 'E') && strings.HasPrefix(s[1:], "'"):
			skipQuoted(text, 2, '\'', true)
			for continuesLiteral(text) {
				skipQuoted(text, 1, '\'', true)
			}
		case c == '"':
			skipQuoted(text, 1, '"', false)
			return quotedName
		case c == '$' && dollarTag(s) != "":
			skip(text, len(dollarTag(s)), dollarTag(s))
		case isWordByte(c):
			return cutWord(text)
		case c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v':
			*text = s[1:]
		default:
			*text = s[1:]
			return s[:1]
		}
	}
	return ""
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

// cutWord takes a name, a keyword or a number off the text. A $ belongs to a
// name; after a number it begins a literal.
func cutWord(text *string) string {
	end, name := 1, (*text)[0] > '9'
	for end < len(*text) && (isWordByte((*text)[end]) || name && (*text)[end] == '$') {
		end++
	}
	word := (*text)[:end]
	*text = (*text)[end:]
	return strings.ToUpper(word)
}

// skip drops the text up to the next end after the first n bytes.
func skip(text *string, n int, end string) {
	if i := strings.Index((*text)[n:], end); i >= 0 {
		*text = (*text)[n+i+len(end):]
		return
	}
	*text = ""
}

// skipLine drops a comment that ends with its line.
func skipLine(text *string) {
	if i := strings.IndexAny(*text, "\n\r"); i >= 0 {
		*text = (*text)[i:]
		return
	}
	*text = ""
}

// continuesLiteral reports that a literal goes on on another line, as SQL allows,
// and cuts off what stands between. Escapes hold in all its parts.
func continuesLiteral(text *string) bool {
	rest := *text
	for rest != "" {
		trimmed := strings.TrimLeft(rest, " \t\n\r\f\v")
		if strings.HasPrefix(trimmed, "'") && strings.ContainsAny((*text)[:len(*text)-len(trimmed)], "\n\r") {
			*text = trimmed
			return true
		}
		if !strings.HasPrefix(trimmed, "--") {
			return false
		}
		skipLine(&trimmed)
		rest = trimmed
	}
	return false
}

// skipComment drops a comment, which may hold others.
func skipComment(text *string) {
	depth := 0
	for s := *text; s != ""; {
		switch {
		case strings.HasPrefix(s, "/*"):
			depth, s = depth+1, s[2:]
		case strings.HasPrefix(s, "*/"):
			if depth, s = depth-1, s[2:]; depth == 0 {
				*text = s
				return
			}
		default:
			s = s[1:]
		}
	}
	*text = ""
}

// skipQuoted drops a literal or a name; a quote in it is doubled, or escaped.
func skipQuoted(text *string, start int, quote byte, escapes bool) {
	s := *text
	for i := start; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			*text = s[i+1:]
			return
		}
	}
	*text = ""
}

// dollarTag returns the $tag$ that a literal begins with, or "": $1 is none.
func dollarTag(s string) string {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '$':
			return s[:i+1]
		case !isWordByte(s[i]) || i == 1 && s[i] >= '0' && s[i] <= '9':
			return ""
		}
	}
	return ""
}
