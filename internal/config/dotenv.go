package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/joho/godotenv"
)

// Environ returns a lookup over the process's environment, filled in by the .env file at path. A variable that
// the environment sets wins, even if it is empty there. A missing file is fine; one that is not made of
// NAME=value lines is an error that gives file and line, and so is a $ that expands to nothing.
func Environ(path string) (func(string) (string, bool), error) {
	src, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff")) // Windows editors put it there
	if _, ok := parseDotenv(src); !ok {
		return nil, fmt.Errorf("%s: line %d is not NAME=value, or its quotes do not close (not shown: it may hold a secret)", path, badLine(src))
	}
	file := dotenv{path: path, values: map[string]string{}, lines: map[string]int{}}
	for _, s := range statements(src) {
		file.add(s)
	}
	return file.lookup, errors.Join(file.mistakes...)
}

// dotenv is what a .env file says, from its top to the statement that is read next.
type dotenv struct {
	path     string
	values   map[string]string
	lines    map[string]int // where each variable was last set
	mistakes []error
}

func (d *dotenv) lookup(name string) (string, bool) {
	if v, ok := os.LookupEnv(name); ok {
		return v, true
	}
	v, ok := d.values[name]
	return v, ok
}

func (d *dotenv) mistake(line int, format string, args ...any) {
	d.mistakes = append(d.mistakes, fmt.Errorf("%s: line %d: %s", d.path, line, fmt.Sprintf(format, args...)))
}

// add reads one statement. References are expanded here, not by godotenv: it knows no environment, and makes nothing of
// what is not set.
func (d *dotenv) add(s statement) {
	values, _ := parseDotenv(s.masked())
	for name, value := range values {
		value, whole := d.expand(value)
		if !whole {
			d.mistake(s.line, "a $ in the value of %s does not lead to a variable that is set and not empty, in the environment or "+
				"above this line; a value that holds a $ itself stands in 'single quotes' (not shown: it may hold a secret)", name)
		}
		if earlier := d.values[name]; earlier != "" && value == "" {
			d.mistake(s.line, "%s is empty, but line %d gives it a value; keep one of them", name, d.lines[name])
		}
		d.values[name], d.lines[name] = value, s.line
	}
}

// parseDotenv drops godotenv's error, which quotes the file. A line without = at the end of the file, or one
// without a name, passes there as a variable with no name.
func parseDotenv(src []byte) (values map[string]string, ok bool) {
	values, err := godotenv.UnmarshalBytes(src)
	_, nameless := values[""]
	return values, err == nil && !nameless
}

// badLine is the number of the line after the longest part, from the top, that can be read.
func badLine(src []byte) int {
	lines := bytes.SplitAfter(src, []byte("\n"))
	for n := len(lines) - 1; n > 0; n-- {
		if _, ok := parseDotenv(bytes.Join(lines[:n], nil)); ok {
			return n + 1
		}
	}
	return 1
}

// Stand-ins for $ and \$ while godotenv reads a value. Unicode keeps these for a program's own use; no text has them.
const (
	dollar        = "\ufdd0"
	escapedDollar = "\ufdd1"
)

// masked is the statement with nothing in it that godotenv would expand. Single quotes keep a $ by themselves.
func (s statement) masked() []byte {
	if s.single {
		return s.text
	}
	return []byte(strings.NewReplacer(`\$`, escapedDollar, "$", dollar).Replace(string(s.text)))
}

// expand replaces $NAME and ${NAME}. A $ that no name, bracket or other $ follows is one, as in a shell. whole is
// false if any other leads to nothing.
func (d *dotenv) expand(masked string) (value string, whole bool) {
	parts := strings.Split(masked, dollar)
	whole = true
	for i, part := range parts[1:] {
		name, rest, isReference := reference(part)
		text, _ := d.lookup(name)
		another := part == "" && i < len(parts)-2 // $$
		switch {
		case isReference && text == "", another:
			whole = false
		case !isReference:
			text = "$"
		}
		parts[i+1] = text + rest
	}
	return strings.ReplaceAll(strings.Join(parts, ""), escapedDollar, "$"), whole
}

// reference splits what follows a $ into a variable's name and the rest. $1 and $( are references as well, to what no
// variable can be.
func reference(s string) (name, rest string, is bool) {
	if inner, braced := strings.CutPrefix(s, "{"); braced {
		name, rest, closed := strings.Cut(inner, "}")
		if !closed || nameEnd(name) != len(name) {
			return "", "", true
		}
		return name, rest, true
	}
	end := nameEnd(s)
	return s[:end], s[end:], end > 0 || strings.HasPrefix(s, "(")
}

// nameEnd is where a run of letters, digits and underscores ends.
func nameEnd(s string) int {
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return i
		}
	}
	return len(s)
}
