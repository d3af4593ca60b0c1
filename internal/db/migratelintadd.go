package db

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// add is ALTER TABLE … ADD: a constraint, or a column with what belongs to it.
func (l *linter) add(table string, r *sqlReader) {
	name := ""
	if r.accept("CONSTRAINT") {
		name = r.name()
	}
	switch {
	case r.accept("FOREIGN", "KEY"):
		l.addLoose(table, name, r, "ADD FOREIGN KEY reads all of "+table+" while both tables are locked against writes")
	case r.accept("CHECK"):
		if column := notNullCheck(*r); column != "" {
			l.checks[table+" "+name] = column
		}
		l.addLoose(table, name, r, "ADD CHECK reads all of "+table+" while it is locked against reads and writes")
	case r.has("USING", "INDEX"):
	case r.accept("UNIQUE"), r.accept("PRIMARY", "KEY"):
		l.warn("this builds an index while " + table + " is locked against reads and writes: first CREATE UNIQUE INDEX CONCURRENTLY, " +
			noTransaction + ", then ADD CONSTRAINT … USING INDEX")
	case r.accept("EXCLUDE"):
		l.warn("this builds an index while " + table + " is locked against reads and writes: it cannot be done otherwise; choose a quiet hour")
	case name == "":
		l.addColumn(table, r)
	}
}

func (l *linter) addLoose(table, constraint string, r *sqlReader, message string) {
	if r.has("NOT", "VALID") {
		l.loose[table+" "+constraint] = true
		return
	}
	l.warn(message + ": add it NOT VALID, then VALIDATE CONSTRAINT in a migration of its own")
}

// notNullCheck returns the column of CHECK (column IS NOT NULL).
func notNullCheck(r sqlReader) string {
	inside := r.parens()
	column := inside.name()
	if column != "" && inside.accept("IS", "NOT", "NULL") && inside.done() {
		return column
	}
	return ""
}

var serialTypes = []string{"smallserial", "serial", "bigserial", "serial2", "serial4", "serial8"}

func (l *linter) addColumn(table string, r *sqlReader) {
	r.accept("COLUMN")
	r.accept("IF", "NOT", "EXISTS")
	column := r.name()
	kind := *r
	if slices.Contains(serialTypes, kind.name()) || r.has("AS", "IDENTITY") || r.find("GENERATED") && r.has("STORED") {
		l.warn("this column has a value of its own in each row, so that adding it rewrites " + table + " while it is locked against reads and writes: " +
			"add it without, let the service write it, and fill it in batches")
		return
	}
	if value := *r; value.find("DEFAULT") {
		l.addDefault(table, column, value)
	}
	rest := *r
	switch {
	case rest.find("UNIQUE"), rest.find("PRIMARY", "KEY"):
		l.warn("this builds an index while " + table + " is locked against reads and writes: add the column without, then CREATE UNIQUE INDEX CONCURRENTLY, " + noTransaction)
	case rest.find("CHECK"):
		l.warn("this CHECK reads all of " + table + " while it is locked against reads and writes: add the column without, then ADD CONSTRAINT … CHECK … NOT VALID, " +
			"and VALIDATE CONSTRAINT in a migration of its own")
	case rest.find("REFERENCES") && r.has("DEFAULT"):
		l.warn("this foreign key reads all of " + table + " while both tables are locked: add the column without, then ADD CONSTRAINT … FOREIGN KEY … NOT VALID, " +
			"and VALIDATE CONSTRAINT in a migration of its own")
	}
}

// addDefault warns of a default that is computed for each row. A constant, and
// now(), is kept in the catalogue.
func (l *linter) addDefault(table, column string, r sqlReader) {
	if l.volatile(calls(r)) {
		l.warn("ADD COLUMN " + column + " with a volatile default rewrites " + table + " while it is locked against reads and writes: add it without a default, " +
			"then ALTER COLUMN … SET DEFAULT, and fill the old rows in batches")
	}
}

// calls returns the names of the functions in an expression.
func calls(r sqlReader) (names []string) {
	for ; !r.done(); r.at++ {
		word := r
		if name := word.name(); name != "" && word.accept("(") {
			names = append(names, name[strings.LastIndex(name, ".")+1:])
			r.at = word.at - 1
		}
	}
	return names
}

var typeModifier = regexp.MustCompile(`^(\w[\w ]*?) ?(?:\( ?(\d+) ?(?:, ?(\d+) ?)?\))?$`)

// widens reports that PostgreSQL changes the type without rewriting the table:
// the same type, a text of more length or of any, a numeric of more digits.
func widens(from, to string) bool {
	f, t := typeModifier.FindStringSubmatch(plainType(from)), typeModifier.FindStringSubmatch(plainType(to))
	if f == nil || t == nil {
		return false
	}
	textual := (f[1] == "varchar" || f[1] == "text") && (t[1] == "varchar" || t[1] == "text")
	if f[1] != t[1] && !textual {
		return false
	}
	switch {
	case t[2] == "":
		return true
	case f[2] == "":
		return false
	case f[1] == "varchar" || f[1] == "varbit":
		return number(t[2]) >= number(f[2])
	case f[1] == "numeric":
		return number(t[2]) >= number(f[2]) && number(t[3]) == number(f[3])
	default:
		return f[2] == t[2] && f[3] == t[3]
	}
}

func number(digits string) int {
	n, _ := strconv.Atoi(digits) // the pattern lets digits pass, or nothing
	return n
}

// plainType takes SQL's names for types, of which some have several.
func plainType(name string) string {
	name = strings.Join(strings.Fields(strings.ToLower(name)), " ")
	for _, pair := range [][2]string{
		{"character varying", "varchar"},
		{"bit varying", "varbit"},
		{"decimal", "numeric"},
		{"int8", "bigint"},
		{"int4", "integer"},
		{"int2", "smallint"},
		{"float8", "double precision"},
		{"float4", "real"},
		{"timestamptz", "timestamp with time zone"},
		{"bool", "boolean"},
	} {
		if rest, ok := strings.CutPrefix(name, pair[0]); ok && (rest == "" || rest[0] == '(' || rest[0] == ' ') {
			return pair[1] + rest
		}
	}
	if name == "int" {
		return "integer"
	}
	return name
}
