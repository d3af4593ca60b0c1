package db

import (
	"slices"
	"strings"
)

// reading are the first words of statements that only read.
var reading = strings.Fields("SELECT WITH VALUES TABLE ( SHOW EXPLAIN DECLARE FETCH MOVE CLOSE SAVEPOINT RELEASE ROLLBACK LOCK")

// writes reports a statement of which something is lost where COMMIT fails, though the transaction has begun READ ONLY:
// NOTIFY, a large object. SET counts since it can end that state.
func writes(words []string) bool {
	return !slices.Contains(reading, words[0]) ||
		mention(words, "INSERT", "MERGE", "NEXTVAL", "SETVAL", "PG_NOTIFY", "PG_LOGICAL_EMIT_MESSAGE") ||
		slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, "LO_") })
}

// forbids reports SET TRANSACTION READ ONLY, in its two forms.
func forbids(words []string) bool {
	return words[0] == "SET" && (slices.Contains(words, "ONLY") || mention(words, "TRANSACTION_READ_ONLY"))
}

// recalls reports a question for the last number of a sequence in this session, which PostgreSQL remembers for the
// connection. Every INSERT may leave one, so it is dropped before the question rather than after each INSERT.
func recalls(words []string) bool { return mention(words, "LASTVAL", "CURRVAL") }

// copies reports a COPY from or to the client, who waits for data that a session has no way to pass on.
func copies(words []string) bool {
	return words[0] == "COPY" && (slices.Contains(words, "STDIN") || slices.Contains(words, "STDOUT"))
}

// mention reports that one of the names, which are in capitals, is there, in quotes or not.
func mention(words []string, names ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		return slices.Contains(names, strings.ToUpper(strings.TrimPrefix(word, quotedName)))
	})
}
