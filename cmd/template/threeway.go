package main

import (
	"context"
	"errors"
	"fmt"
	"go/format"
	goversion "go/version"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// threeWay merges as git does. Where it can not, it says so and marks the
// places; of what is not text, ours is left.
func threeWay(ctx context.Context, name string, ours, base, theirs []byte) (merged []byte, conflict bool, err error) {
	folder, err := os.MkdirTemp("", "merge-")
	if err != nil {
		return nil, false, err
	}
	defer os.RemoveAll(folder)
	args := []string{"merge-file", "-p", "-L", "yours", "-L", "template before", "-L", "template now"}
	for name, data := range map[string][]byte{"ours": ours, "base": base, "theirs": theirs} {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			return nil, false, err
		}
	}
	merged, err = child(ctx, folder, "git", append(args, "ours", "base", "theirs")...).Output()
	exit, ran := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		if formatted, err := format.Source(merged); err == nil && filepath.Ext(name) == ".go" {
			merged = formatted // lines that come from both have other columns
		}
		return merged, false, nil
	case !ran || ctx.Err() != nil:
		return nil, false, fmt.Errorf("git merge-file: %w", err)
	case exit.ExitCode() < 128: // their number
		return merged, true, nil
	default:
		return ours, true, nil
	}
}

// mergeModule brings the clone's go.mod those requirements, and the Go version,
// that have changed from base to next. What is not needed go mod tidy drops.
func mergeModule(ours, base, next []byte) ([]byte, error) {
	var files [3]*modfile.File
	for i, text := range [][]byte{ours, base, next} {
		var err error
		if files[i], err = modfile.Parse("go.mod", text, nil); err != nil {
			return nil, err
		}
	}
	mine, had := requirements(files[0]), requirements(files[1])
	changed := false
	for _, r := range files[2].Require {
		path, wanted := r.Mod.Path, r.Mod.Version
		if mine[path] == "" || wanted != had[path] && semver.Compare(mine[path], wanted) < 0 {
			if err := files[0].AddRequire(path, wanted); err != nil {
				return nil, err
			}
			changed = true
		}
	}
	if older(files[0].Go, files[1].Go, files[2].Go) {
		changed = true
		if err := files[0].AddGoStmt(files[2].Go.Version); err != nil {
			return nil, err
		}
	}
	if !changed {
		return ours, nil
	}
	files[0].Cleanup()
	return files[0].Format()
}

func requirements(f *modfile.File) map[string]string {
	versions := map[string]string{}
	for _, r := range f.Require {
		versions[r.Mod.Path] = r.Mod.Version
	}
	return versions
}

func older(ours, base, next *modfile.Go) bool {
	return ours != nil && base != nil && next != nil && base.Version != next.Version && goversion.Compare("go"+ours.Version, "go"+next.Version) < 0
}
