// Package dotenv reads the process's environment, filled in by a .env file: once for the service and for the launcher
// of its development database. What the variables mean is not its matter.
package dotenv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/joho/godotenv"
)

// maxSize bounds a .env file, in bytes.
const maxSize = 1 << 20

// Env is the process's environment, and what the file adds to it.
type Env struct {
	path     string
	values   map[string]string
	lines    map[string]int // where each variable was last set
	mistakes []error
}

// Read reads the .env file at path. A missing file is fine. One that is not made of NAME=value lines is an error that
// gives file and line, and so is a $ that expands to nothing. No error shows a value.
func Read(path string) (*Env, error) {
	e := &Env{path: path, values: map[string]string{}, lines: map[string]int{}}
	src, err := readFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff")) // Windows editors put it there
	lines := bytes.SplitAfter(src, []byte("\n"))
	for first := 0; first < len(lines); {
		next, ok := e.statement(lines, first)
		if !ok {
			e.mistake(first, " is not NAME=value, or its quotes do not close (not shown: it may hold a secret)")
		}
		first = next
	}
	return e, errors.Join(e.mistakes...)
}

// readFile does not wait for what has no end: a pipe, a device.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	src, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err == nil && len(src) > maxSize {
		err = fmt.Errorf("%s: is larger than %d bytes", path, maxSize)
	}
	return src, err
}

// Lookup finds a variable. One that the environment sets wins, even if it is empty there.
func (e *Env) Lookup(name string) (string, bool) {
	if v, ok := os.LookupEnv(name); ok {
		return v, true
	}
	v, ok := e.values[name]
	return v, ok
}

// Names are the file's variables, and the environment's that begin with prefix, sorted.
func (e *Env) Names(prefix string) []string {
	names := slices.Collect(maps.Keys(e.values))
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// mistake counts lines from 0.
func (e *Env) mistake(line int, problem string) {
	e.mistakes = append(e.mistakes, fmt.Errorf("%s: line %d%s", e.path, line+1, problem))
}

// statement reads the one that begins at a line, and returns the line after it: a value in quotes may take several. Where
// there is none, that is the next line, so that all mistakes are told at once, or the end, if quotes do not close.
func (e *Env) statement(lines [][]byte, first int) (next int, ok bool) {
	var text []byte
	for next = first; next < len(lines); next++ {
		text = append(text, lines[next]...)
		if next > first && !bytes.ContainsAny(lines[next], `'"`) {
			continue // no quote closes here
		}
		// References are expanded here, not by godotenv: it knows no environment, and makes nothing of what is not set.
		values, err := godotenv.UnmarshalBytes(mask(text))
		if err == nil && len(values) <= 1 {
			for name, value := range values {
				if !variable.MatchString(name) || misread.Match(text) {
					return first + 1, false
				}
				e.set(name, value, first)
			}
			return next + 1, true
		}
		if err == nil || !strings.HasPrefix(err.Error(), "unterminated") {
			return first + 1, false
		}
	}
	return len(lines), false
}

func (e *Env) set(name, masked string, line int) {
	value, whole := e.expand(masked)
	if !whole {
		e.mistake(line, ": a $ in the value of "+name+" does not lead to a variable that is set and not empty, in the environment or "+
			"above this line; a value that holds a $ itself stands in 'single quotes' (not shown: it may hold a secret)")
	}
	if e.values[name] != "" && value == "" {
		e.mistake(line, fmt.Sprintf(": %s is empty, but line %d gives it a value; keep one of them", name, e.lines[name]+1))
	}
	e.values[name], e.lines[name] = value, line
}

// While godotenv reads a value U+FDD0 stands for its $, and U+FDD1 for \$. Unicode keeps these two for a program's own
// use; no text has them.
var (
	masks  = strings.NewReplacer(`\$`, "\ufdd1", "$", "\ufdd0")
	unmask = strings.NewReplacer("\ufdd1", "$")

	variable = regexp.MustCompile(`^[\w.]+$`) // godotenv takes "set NAME" for a name, too
	// godotenv drops an escaped quote at a value's end.
	misread = regexp.MustCompile(`\\(""|\'\')\s*(#.*)?\s*$`)

	singleQuoted = regexp.MustCompile(`^\s*(?:export\s+)?[\w.]+\s*[=:][\s\v\x{85}\x{a0}]*'`)
	// $NAME, ${NAME}, or a $ before what no variable can be: ${ that does not close, $( and $$.
	reference = regexp.MustCompile(`\x{fdd0}(?:\{(\w+)\}|(\w+)|[{(\x{fdd0}])?`)
)

// mask hides what godotenv would expand. Single quotes keep a $ by themselves.
func mask(statement []byte) []byte {
	if singleQuoted.Match(statement) {
		return statement
	}
	return []byte(masks.Replace(string(statement)))
}

// expand replaces references; whole is false if one leads to nothing. A $ that is none stays, as in a shell.
func (e *Env) expand(masked string) (value string, whole bool) {
	whole = true
	value = reference.ReplaceAllStringFunc(masked, func(found string) string {
		match := reference.FindStringSubmatch(found)
		text, _ := e.Lookup(match[1] + match[2])
		if found == "\ufdd0" {
			return "$"
		}
		whole = whole && text != ""
		return text
	})
	return unmask.Replace(value), whole
}
