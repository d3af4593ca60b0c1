package db

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// sqlToken is a word, a quoted name, a literal or a sign of an SQL text.
type sqlToken struct {
	kind   byte   // 'w' word, 'q' quoted name, 's' string, 'n' number, 'o' other sign
	text   string // as it is written
	offset int
}

// is reports that the token is this word, whatever its case, or this sign.
func (t sqlToken) is(word string) bool {
	return (t.kind == 'w' || t.kind == 'o') && strings.EqualFold(t.text, word)
}

// sqlTokens splits a text by PostgreSQL's rules for white space, comments and
// quotes. What is not closed ends with the text. It knows no grammar.
func sqlTokens(text string) []sqlToken {
	var tokens []sqlToken
	for at := 0; at < len(text); {
		kind, length := sqlScan(text[at:])
		if kind != ' ' {
			tokens = append(tokens, sqlToken{kind, text[at : at+length], at})
		}
		at += length
	}
	return tokens
}

// sqlScan returns the kind and the length of what a text begins with; ' ' is
// white space or a comment.
func sqlScan(text string) (kind byte, length int) {
	c := text[0]
	prefix := strings.ToLower(text[:min(2, len(text))])
	switch {
	case strings.ContainsRune(" \t\r\n\f\v", rune(c)):
		return ' ', 1
	case strings.HasPrefix(text, "--"):
		return ' ', lengthWhile(text, func(r rune) bool { return r != '\n' && r != '\r' })
	case strings.HasPrefix(text, "/*"):
		return ' ', commentLength(text)
	case c == '\'':
		return 's', quotedLength(text, '\'', false)
	case prefix == "e'":
		return 's', escapedLength(text)
	case prefix == "b'" || prefix == "x'" || prefix == "n'":
		return 's', 1 + quotedLength(text[1:], '\'', false)
	case c == '"':
		return 'q', quotedLength(text, '"', false)
	case c == '$' && dollarTag(text) != "":
		tag := dollarTag(text)
		return 's', through(text, tag, len(tag))
	case c >= '0' && c <= '9':
		return 'n', lengthWhile(text, func(r rune) bool { return r == '.' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) })
	case wordRune(rune(c)) || c >= utf8.RuneSelf:
		return 'w', lengthWhile(text, func(r rune) bool { return wordRune(r) || r == '$' || unicode.IsDigit(r) })
	default:
		return 'o', 1
	}
}

func wordRune(r rune) bool { return r == '_' || r >= utf8.RuneSelf || unicode.IsLetter(r) }

func lengthWhile(text string, in func(rune) bool) int {
	if end := strings.IndexFunc(text, func(r rune) bool { return !in(r) }); end >= 0 {
		return end
	}
	return len(text)
}

// through is the length up to the end of the next mark, looked for after from bytes.
func through(text, mark string, from int) int {
	if i := strings.Index(text[from:], mark); i >= 0 {
		return from + i + len(mark)
	}
	return len(text)
}

// commentLength counts nested comments.
func commentLength(text string) int {
	depth := 0
	for at := 0; at < len(text); at++ {
		switch {
		case strings.HasPrefix(text[at:], "/*"):
			depth++
			at++
		case strings.HasPrefix(text[at:], "*/"):
			depth--
			at++
		}
		if depth == 0 {
			return at + 1
		}
	}
	return len(text)
}

// quotedLength takes a doubled quote as a part of the text, and one after a
// backslash if there are escapes.
func quotedLength(text string, quote byte, escapes bool) int {
	for at := 1; at < len(text); at++ {
		switch {
		case escapes && text[at] == '\\':
			at++
		case text[at] == quote && at+1 < len(text) && text[at+1] == quote:
			at++
		case text[at] == quote:
			return at + 1
		}
	}
	return len(text)
}

// escapedLength is the length of a literal with escapes. It may go on on another
// line, as SQL allows, where escapes still hold.
func escapedLength(text string) int {
	end := 1 + quotedLength(text[1:], '\'', true)
	for next := end; next < len(text); {
		kind, length := sqlScan(text[next:])
		switch {
		case kind == ' ':
			next += length
		case text[next] == '\'' && strings.ContainsAny(text[end:next], "\n\r"):
			next += quotedLength(text[next:], '\'', true)
			end = next
		default:
			return end
		}
	}
	return end
}

// dollarTag returns $tag$ at the beginning of a text, or "": $1 is a parameter.
func dollarTag(text string) string {
	length := lengthWhile(text[1:], func(r rune) bool { return wordRune(r) || unicode.IsDigit(r) })
	end := 1 + length
	if end >= len(text) || text[end] != '$' || length > 0 && text[1] >= '0' && text[1] <= '9' {
		return ""
	}
	return text[:end+1]
}

// shortSQL is a statement for the log: on one line, without comments, at most
// length characters, and without the texts in it, which may be anybody's data.
func shortSQL(text string, length int) string {
	var b strings.Builder
	end := 0
	for _, token := range sqlTokens(text) {
		if b.Len() > 0 && token.offset > end {
			b.WriteByte(' ')
		}
		end = token.offset + len(token.text)
		if token.kind == 's' {
			token.text = "'…'"
		}
		b.WriteString(strings.ToValidUTF8(token.text, "�"))
	}
	short := []rune(b.String())
	if len(short) > length {
		return string(short[:length]) + "…"
	}
	return string(short)
}

// sqlStatements splits at semicolons. The body of a function in SQL (BEGIN
// ATOMIC … END) is part of its statement.
func sqlStatements(tokens []sqlToken) (statements [][]sqlToken) {
	var current []sqlToken
	atomic := false
	for _, token := range tokens {
		atomic = inAtomic(atomic, current, token)
		if atomic || !token.is(";") {
			current = append(current, token)
			continue
		}
		if len(current) > 0 {
			statements = append(statements, current)
		}
		current = nil
	}
	if len(current) > 0 {
		statements = append(statements, current)
	}
	return statements
}

// inAtomic reports whether the token after others is in a function's body. Only
// END at the place of a statement ends it: others end a CASE. Elsewhere BEGIN
// may be a column, and ATOMIC its new name.
func inAtomic(atomic bool, before []sqlToken, token sqlToken) bool {
	if len(before) == 0 {
		return false
	}
	last := before[len(before)-1]
	if atomic {
		return !token.is("END") || !last.is(";") && !last.is("ATOMIC")
	}
	return token.is("ATOMIC") && last.is("BEGIN") && createsRoutine(sqlReader{tokens: before})
}

func createsRoutine(r sqlReader) bool {
	if !r.accept("CREATE") {
		return false
	}
	r.accept("OR", "REPLACE")
	return r.accept("FUNCTION") || r.accept("PROCEDURE")
}
