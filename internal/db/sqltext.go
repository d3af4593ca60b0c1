package db

import "strings"

// quotedName begins a name in double quotes, which keeps its case.
const quotedName = `"`

// statements splits a text at its semicolons and returns each statement's words
// in capitals, and symbols, without comments and literals. The body of a
// function in SQL (BEGIN ATOMIC … END) is part of its statement.
func statements(text string) (list [][]string) {
	var words []string
	atomic := false
	for token := nextToken(&text); token != ""; token = nextToken(&text) {
		last := ""
		if len(words) > 0 {
			last = words[len(words)-1]
		}
		switch {
		case token == ";" && !atomic:
			if len(words) > 0 {
				list = append(list, words)
			}
			words = nil
			continue
		case token == "ATOMIC" && last == "BEGIN":
			atomic = true
		case token == "END" && last == ";":
			atomic = false
		}
		words = append(words, token)
	}
	if len(words) > 0 {
		list = append(list, words)
	}
	return list
}

// nextToken cuts the next word or symbol off the text; "" is the end.
func nextToken(text *string) string {
	for *text != "" {
		s := *text
		switch c := s[0]; {
		case strings.HasPrefix(s, "--"):
			skip(text, 2, "\n", "\r")
		case strings.HasPrefix(s, "/*"):
			skipComment(text)
		case c == '\'':
			skipQuoted(text, 1, '\'', false)
		case (c == 'e' || c == 'E') && strings.HasPrefix(s[1:], "'"):
			skipQuoted(text, 2, '\'', true)
		case c == '"':
			skipQuoted(text, 1, '"', false)
			return quotedName + strings.TrimSuffix(s[1:len(s)-len(*text)], `"`)
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

func cutWord(text *string) string {
	end := 1
	for end < len(*text) && (isWordByte((*text)[end]) || (*text)[end] == '$') {
		end++
	}
	word := (*text)[:end]
	*text = (*text)[end:]
	return strings.ToUpper(word)
}

// skip drops the text up to the first of ends, which are equally long, after
// the first n bytes.
func skip(text *string, n int, ends ...string) {
	rest := ""
	for _, end := range ends {
		if i := strings.Index((*text)[n:], end); i >= 0 && len(*text)-n-i-len(end) > len(rest) {
			rest = (*text)[n+i+len(end):]
		}
	}
	*text = rest
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
