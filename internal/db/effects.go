package db

import (
	"slices"
	"strings"
	"sync"
)

// effects are what a statement does beyond its transaction, as far as its text
// tells. What a function, trigger, view or operator of the database's own does
// inside cannot be seen: a call of an unknown function counts as setting.
type effects struct {
	ends   bool // ends the transaction it is sent in, or begins another one
	sets   bool // may set what outlives the transaction: RESET undoes it
	spoils bool // sets what only a new connection undoes

	writes     bool // may write, even where the transaction began READ ONLY
	forbids    bool // makes the transaction READ ONLY
	recalls    bool // asks for the last number of a sequence
	copies     bool // waits for a client that sends data
	savepoints []savepointStatement
}

// savepointStatement makes, releases or rolls back to a savepoint.
type savepointStatement struct {
	verb string // SAVEPOINT, RELEASE or ROLLBACK
	name string // in the one form that compares
}

// undoes reports a return to a savepoint.
func (e effects) undoes() bool {
	return slices.ContainsFunc(e.savepoints, func(s savepointStatement) bool { return s.verb == "ROLLBACK" })
}

// effectsCache remembers the effects of the texts seen, which are few: GORM
// writes the same ones again and again.
type effectsCache struct {
	mu    sync.RWMutex
	known map[string]effects
}

// Texts beyond these limits are read again each time.
const (
	maxKnown     = 1000
	maxKnownText = 4096 // bytes
)

func (c *effectsCache) of(query string) effects {
	c.mu.RLock()
	e, ok := c.known[query]
	c.mu.RUnlock()
	if ok || len(query) > maxKnownText {
		if !ok {
			e = effectsOf(query)
		}
		return e
	}
	e = effectsOf(query)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxKnown {
		c.known = make(map[string]effects)
	}
	c.known[strings.Clone(query)] = e
	return e
}

// quotedName begins a name in double quotes, which keeps its case.
const quotedName = `"`

// statements splits a text and returns each statement's words in capitals, and
// signs, without literals.
func statements(text string) (list [][]string) {
	for _, tokens := range sqlStatements(sqlTokens(text)) {
		var words []string
		for _, token := range tokens {
			switch token.kind {
			case 's':
			case 'q':
				words = append(words, quotedName+strings.Trim(token.text, `"`))
			default:
				words = append(words, strings.ToUpper(token.text))
			}
		}
		if len(words) > 0 {
			list = append(list, words)
		}
	}
	return list
}

// isName tells a word or a quoted name from a sign or a number.
func isName(word string) bool {
	return strings.HasPrefix(word, quotedName) || wordRune(rune(word[0]))
}

func effectsOf(query string) effects {
	var e effects
	if query == setLocalSQL {
		return e
	}
	for _, words := range statements(query) {
		e.ends = e.ends || endsTransaction(words)
		e.sets = e.sets || sets(words)
		e.spoils = e.spoils || spoils(words)
		e.writes = e.writes || writes(words)
		e.forbids = e.forbids || forbids(words)
		e.recalls = e.recalls || recalls(words)
		e.copies = e.copies || copies(words)
		if verb := words[0]; verb == "SAVEPOINT" || verb == "RELEASE" || verb == "ROLLBACK" && !endsTransaction(words) {
			e.savepoints = append(e.savepoints, savepointStatement{verb, folded(words[len(words)-1])})
		}
	}
	return e
}

// folded is a name as PostgreSQL keeps it.
func folded(word string) string {
	if name, quoted := strings.CutPrefix(word, quotedName); quoted {
		return name
	}
	return strings.ToLower(word)
}

// spoils reports what no reset undoes: statements that were prepared by name, or
// pgx's own that were dropped; a library that was loaded; the seed of random(),
// from which its later numbers can be guessed; connections of dblink's by name.
func spoils(words []string) bool {
	switch words[0] {
	case "PREPARE", "DEALLOCATE", "LOAD":
		return true
	default:
		return mention(words, "SETSEED", "DBLINK_CONNECT", "DBLINK_CONNECT_U", "PG_REPLICATION_ORIGIN_SESSION_SETUP") || words[0] == "SET" && slices.Contains(words, "SEED")
	}
}

// endsTransaction does not count savepoints, which leave the transaction open.
func endsTransaction(words []string) bool {
	switch words[0] {
	case "COMMIT", "END", "ABORT", "BEGIN", "START":
		return true
	case "PREPARE":
		return len(words) > 1 && words[1] == "TRANSACTION"
	case "ROLLBACK":
		rest := words[1:]
		if len(rest) > 0 && (rest[0] == "WORK" || rest[0] == "TRANSACTION") {
			rest = rest[1:]
		}
		return len(rest) == 0 || rest[0] != "TO"
	default:
		return false
	}
}

// sets reports true unless the statement is known to set nothing.
func sets(words []string) bool {
	switch words[0] {
	case "SAVEPOINT", "RELEASE", "ROLLBACK", "SHOW", "LOCK", "FETCH", "MOVE", "CLOSE", "NOTIFY", "TRUNCATE":
		return false
	case "SET":
		return len(words) < 2 || !slices.Contains([]string{"LOCAL", "TRANSACTION", "CONSTRAINTS"}, words[1])
	case "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE", "EXPLAIN", "COPY", "(":
		return setsWithin(words)
	default:
		return true
	}
}

// setsWithin looks for temporary tables, for pg_settings, whose update is a SET,
// for tables made by SELECT INTO, and for calls of functions that are not known
// to be harmless.
func setsWithin(words []string) bool {
	for i, word := range words {
		switch name := strings.ToUpper(strings.TrimPrefix(word, quotedName)); {
		case slices.Contains([]string{"TEMP", "TEMPORARY", "PG_TEMP", "PG_SETTINGS"}, name):
			return true
		case word == "INTO" && (i == 0 || words[i-1] != "INSERT" && words[i-1] != "MERGE"):
			return true
		case word == "(" && i > 0 && !harmless(words[:i]):
			return true
		}
	}
	return false
}

// harmless reports whether what stands before a parenthesis calls nothing that
// could set anything: it is a symbol, a keyword, a known function, or the table
// of an INSERT.
func harmless(before []string) bool {
	last := len(before) - 1
	name := before[last]
	if !isName(name) {
		return true
	}
	if last > 0 && slices.Contains(harmlessAfter[name], before[last-1]) {
		return true
	}
	for last > 1 && before[last-1] == "." {
		last -= 2
	}
	if last > 0 && before[last-1] == "INTO" {
		return true
	}
	qualified := last != len(before)-1 && before[last] != "PG_CATALOG"
	return !qualified && harmlessNames[name]
}

// harmlessAfter are keywords that may name functions, too, where they do not
// follow one of these words.
var harmlessAfter = map[string][]string{
	"BY":           {"ORDER", "GROUP", "PARTITION"},
	"CONFLICT":     {"ON"},
	"FILTER":       {")"},
	"GROUP":        {"WITHIN"},
	"MATERIALIZED": {"AS", "NOT"},
	"OVER":         {")"},
	"SETS":         {"GROUPING"},
}

// harmlessNames may stand before a parenthesis: keywords and types, and
// functions of PostgreSQL's that set nothing.
var harmlessNames = names(`
	ALL AND ANY ARRAY AS BETWEEN CASE CAST COLLATE CROSS DISTINCT ELSE EXCEPT EXISTS FROM GROUPING HAVING ILIKE IN
	INTERSECT INTERVAL IS JOIN LATERAL LEFT LIKE LIMIT NOT OFFSET ON OR ORDER RETURNING RIGHT ROW SELECT SIMILAR SOME
	THEN UNION USING VALUES WHEN WHERE WINDOW WITH
	BIT CHAR CHARACTER DECIMAL NUMERIC TIME TIMESTAMP TIMESTAMPTZ VARCHAR VARYING
	ABS AGE ARRAY_AGG ARRAY_LENGTH ARRAY_POSITION ARRAY_TO_STRING AVG BOOL_AND BOOL_OR BTRIM CARDINALITY CEIL
	CHAR_LENGTH CLOCK_TIMESTAMP COALESCE CONCAT CONCAT_WS COUNT CURRENT_SETTING DATE_PART DATE_TRUNC DECODE DENSE_RANK
	DIV ENCODE EXP EXTRACT FIRST_VALUE FLOOR FORMAT GEN_RANDOM_UUID GENERATE_SERIES GREATEST INITCAP JSON_AGG
	JSON_BUILD_OBJECT JSONB_AGG JSONB_ARRAY_ELEMENTS JSONB_BUILD_OBJECT JSONB_SET LAG LAST_VALUE LEAD LEAST LENGTH LN
	LOWER LPAD LTRIM MAKE_INTERVAL MAX MD5 MIN MOD NOW NULLIF NUMERIC OCTET_LENGTH OVERLAY PG_BACKEND_PID PG_SLEEP
	PERCENTILE_CONT PLAINTO_TSQUERY POSITION POWER RANDOM RANK REGEXP_MATCH REGEXP_REPLACE REPEAT REPLACE REVERSE ROUND
	ROW_NUMBER ROW_TO_JSON RPAD RTRIM SPLIT_PART SQRT STATEMENT_TIMESTAMP STDDEV STRING_AGG STRING_TO_ARRAY STRPOS
	SUBSTR SUBSTRING SUM TO_CHAR TO_DATE TO_JSON TO_JSONB TO_NUMBER TO_TIMESTAMP TO_TSQUERY TO_TSVECTOR
	TRANSACTION_TIMESTAMP TRANSLATE TRIM TRUNC TS_RANK TXID_CURRENT UNNEST UPPER VARIANCE WEBSEARCH_TO_TSQUERY
	PG_ADVISORY_XACT_LOCK PG_ADVISORY_XACT_LOCK_SHARED PG_TRY_ADVISORY_XACT_LOCK PG_TRY_ADVISORY_XACT_LOCK_SHARED
	HASHTEXT HASHTEXTEXTENDED`)

func names(list string) map[string]bool {
	set := make(map[string]bool)
	for _, name := range strings.Fields(list) {
		set[name] = true
	}
	return set
}
