package db

import (
	"regexp"
	"strings"
)

// sqlReader reads a statement from left to right.
type sqlReader struct {
	tokens []sqlToken
	at     int
}

func (r *sqlReader) done() bool { return r.at >= len(r.tokens) }

// accept goes past the words if they come next.
func (r *sqlReader) accept(words ...string) bool {
	if r.at+len(words) > len(r.tokens) {
		return false
	}
	for i, word := range words {
		if !r.tokens[r.at+i].is(word) {
			return false
		}
	}
	r.at += len(words)
	return true
}

// acceptAny goes past each of the words that comes next, in any order.
func (r *sqlReader) acceptAny(words ...string) {
	for again := true; again; {
		again = false
		for _, word := range words {
			again = r.accept(word) || again
		}
	}
}

// parens goes past a group in parentheses and returns what is in it.
func (r *sqlReader) parens() *sqlReader {
	if !r.accept("(") {
		return &sqlReader{}
	}
	from := r.at
	for depth := 1; !r.done(); r.at++ {
		switch {
		case r.tokens[r.at].is("("):
			depth++
		case r.tokens[r.at].is(")"):
			depth--
		}
		if depth == 0 {
			r.at++
			return &sqlReader{tokens: r.tokens[from : r.at-1]}
		}
	}
	return &sqlReader{tokens: r.tokens[from:]}
}

var plainName = regexp.MustCompile(`^"[a-z_][a-z0-9_]*"$`)

// name reads a name, with a schema or without, in the one form that compares.
func (r *sqlReader) name() string {
	var b strings.Builder
	for !r.done() {
		token := r.tokens[r.at]
		switch {
		case token.kind == 'w':
			b.WriteString(strings.ToLower(token.text))
		case token.kind == 'q' && plainName.MatchString(token.text):
			b.WriteString(strings.Trim(token.text, `"`))
		case token.kind == 'q':
			b.WriteString(token.text)
		default:
			return b.String()
		}
		r.at++
		if !r.accept(".") {
			return b.String()
		}
		b.WriteByte('.')
	}
	return b.String()
}

// has reports that the words come somewhere, one after the other.
func (r *sqlReader) has(words ...string) bool {
	for at := r.at; at < len(r.tokens); at++ {
		if (&sqlReader{r.tokens, at}).accept(words...) {
			return true
		}
	}
	return false
}

// find goes to what follows the words, outside of parentheses.
func (r *sqlReader) find(words ...string) bool {
	for at := *r; !at.done(); {
		if at.accept(words...) {
			r.at = at.at
			return true
		}
		if at.tokens[at.at].is("(") {
			at.parens()
		} else {
			at.at++
		}
	}
	return false
}

// list splits the rest at its commas, outside of parentheses.
func (r *sqlReader) list() (parts []*sqlReader) {
	from := r.at
	for !r.done() {
		switch {
		case r.tokens[r.at].is("("):
			r.parens()
		case r.tokens[r.at].is(","):
			parts = append(parts, &sqlReader{tokens: r.tokens[from:r.at]})
			r.at++
			from = r.at
		default:
			r.at++
		}
	}
	return append(parts, &sqlReader{tokens: r.tokens[from:]})
}

// text is the rest, without comments.
func (r *sqlReader) text() string {
	words := make([]string, 0, len(r.tokens))
	for _, token := range r.tokens[r.at:] {
		words = append(words, token.text)
	}
	return strings.Join(words, " ")
}

// indexStatement is a CREATE INDEX.
type indexStatement struct {
	unique, concurrently, ifNotExists bool
	name, table                       string
	words                             []string // all names in what follows the table, columns among them
}

// createIndex reads CREATE INDEX; ok is false for any other statement.
func (r sqlReader) createIndex() (s indexStatement, ok bool) {
	if !r.accept("CREATE") {
		return s, false
	}
	s.unique = r.accept("UNIQUE")
	if !r.accept("INDEX") {
		return s, false
	}
	s.concurrently = r.accept("CONCURRENTLY")
	s.ifNotExists = r.accept("IF", "NOT", "EXISTS")
	if !r.accept("ON") {
		s.name = r.name()
		r.accept("ON")
	}
	r.accept("ONLY")
	s.table = r.name()
	for ; !r.done(); r.at++ {
		s.words = append(s.words, (&sqlReader{tokens: r.tokens[r.at : r.at+1]}).name())
	}
	return s, true
}

// reindexStatement is a REINDEX, a VACUUM FULL or a CLUSTER.
type reindexStatement struct {
	concurrently bool
	kind, name   string // INDEX, TABLE, SCHEMA, …
}

// reindex reads REINDEX; ok is false for any other statement.
func (r sqlReader) reindex() (s reindexStatement, ok bool) {
	if !r.accept("REINDEX") {
		return s, false
	}
	options := r.parens()
	if r.done() {
		return s, false
	}
	s.kind = strings.ToUpper(r.tokens[r.at].text)
	r.at++
	s.concurrently = r.accept("CONCURRENTLY") || options.has("CONCURRENTLY") && !options.has("CONCURRENTLY", "FALSE") && !options.has("CONCURRENTLY", "OFF")
	s.name = r.name()
	return s, true
}

// alterTable goes past ALTER TABLE and returns the table's name; "" for any
// other statement.
func (r *sqlReader) alterTable() string {
	if !r.accept("ALTER", "TABLE") {
		return ""
	}
	r.accept("IF", "EXISTS")
	r.accept("ONLY")
	table := r.name()
	r.accept("*")
	return table
}
