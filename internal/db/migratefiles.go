package db

import (
	"cmp"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// migrationFile is one SQL file.
type migrationFile struct {
	name    string
	version int64
	text    string
}

var migrationName = regexp.MustCompile(`^([0-9]+)_[^/]*\.sql$`)

// misspeltMark is a line that is a comment to goose: what follows "-- goose Down"
// would be a part of Up.
var misspeltMark = regexp.MustCompile(`(?im)^\s*--\s*(goose|\+\s+goose|@goose|\+goose:)\s*(up|down|no\s+transaction|statement(begin|end))\s*$`)

// readMigrations reads the folder, oldest first. Whatever goose would pass over
// in silence is an error: a name without a number, a number twice, a file that
// is no SQL, one without goose's mark.
func readMigrations(source fs.FS) ([]migrationFile, error) {
	entries, err := fs.ReadDir(source, ".")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	var files []migrationFile
	for _, entry := range entries {
		file, err := readMigration(source, entry)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", entry.Name(), err)
		}
		files = append(files, file)
	}
	slices.SortStableFunc(files, func(a, b migrationFile) int { return cmp.Compare(a.version, b.version) })
	for i := 1; i < len(files); i++ {
		if files[i].version == files[i-1].version {
			return nil, fmt.Errorf("migrations %s and %s have the same number", files[i-1].name, files[i].name)
		}
	}
	return files, nil
}

func readMigration(source fs.FS, entry fs.DirEntry) (migrationFile, error) {
	match := migrationName.FindStringSubmatch(entry.Name())
	if match == nil || entry.IsDir() {
		return migrationFile{}, fmt.Errorf("only files named NUMBER_name.sql belong in the folder of migrations, such as 00002_create_notes.sql")
	}
	version, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil || version < 1 {
		return migrationFile{}, fmt.Errorf("its number must be from 1 to %d", int64(1<<63-1))
	}
	text, err := fs.ReadFile(source, entry.Name())
	if err != nil {
		return migrationFile{}, err
	}
	file := migrationFile{name: entry.Name(), version: version, text: string(text)}
	switch {
	case strings.HasPrefix(file.text, "\ufeff"):
		return migrationFile{}, fmt.Errorf("it begins with a byte order mark: save it without one")
	case misspeltMark.MatchString(file.text):
		return migrationFile{}, fmt.Errorf("the line %q is no mark of goose's, which begins with -- +goose", strings.TrimSpace(misspeltMark.FindString(file.text)))
	case !file.annotated("Up"):
		return migrationFile{}, fmt.Errorf("it has no line -- +goose Up")
	}
	return file, file.keepsTransaction()
}

// keepsTransaction refuses what would end the transaction that the migration and
// its row in the version table are committed in: a part of it would stay where it
// fails, and after ROLLBACK it would count as applied.
func (f migrationFile) keepsTransaction() error {
	if f.annotated("NO TRANSACTION") {
		return nil
	}
	for _, tokens := range sqlStatements(sqlTokens(f.text)) {
		first, last := tokens[0], tokens[len(tokens)-1]
		for _, words := range statements(f.text[first.offset : last.offset+len(last.text)]) {
			if endsTransaction(words) {
				return fmt.Errorf("line %d: %s: a migration is one transaction already: leave it out, or write -- +goose NO TRANSACTION above -- +goose Up",
					1+strings.Count(f.text[:first.offset], "\n"), strings.ToUpper(first.text))
			}
		}
	}
	return nil
}

// annotated reports a line "-- +goose word".
func (f migrationFile) annotated(word string) bool {
	for line := range strings.Lines(f.text) {
		if annotation(line) == strings.ToUpper(word) {
			return true
		}
	}
	return false
}

// annotation returns what follows "-- +goose", in capitals, or "".
func annotation(line string) string {
	rest, ok := strings.CutPrefix(line, "--")
	if !ok {
		return ""
	}
	rest, ok = strings.CutPrefix(strings.TrimSpace(rest), "+goose")
	if !ok {
		return ""
	}
	return strings.ToUpper(strings.Join(strings.Fields(rest), " "))
}

// upText is the part that Up runs.
func (f migrationFile) upText() string { return f.part("UP") }

// part is what Up or Down runs. The rest is blanked, so that offsets stay.
func (f migrationFile) part(wanted string) string {
	var b strings.Builder
	in := false
	for line := range strings.Lines(f.text) {
		switch word := annotation(line); word {
		case "UP", "DOWN":
			in = word == wanted
		}
		if in {
			b.WriteString(line)
		} else {
			b.WriteString(strings.Repeat("\n", strings.Count(line, "\n")))
		}
	}
	return b.String()
}
