//go:build unix

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestKilledMake runs recipes of the Makefile with stand-ins for the programs. SIGKILL of make alone, which can tell
// nobody, ends devdb, the server and the command.
func TestKilledMake(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("make")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := filepath.Abs("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"run", "test"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			cmd := devdbCommand(t, nil)
			self, err := filepath.Abs(cmd.Path)
			if err != nil {
				t.Fatal(err)
			}
			devdb := fmt.Sprintf("#!/bin/sh\nexec %s -dir data \"$@\"\n", self)
			api := fmt.Sprintf("#!/bin/sh\nDEVDB_TEST_ROLE=command exec %s\n", self)
			tests := fmt.Sprintf("#!/bin/sh\nDEVDB_TEST_ROLE=command DATABASE_URL=$TEST_DATABASE_URL %s\nexit\n", self) // a child of go's
			for path, text := range map[string]string{"bin/devdb": devdb, "bin/api": api, "bin/go": tests, ".ci/missing": "#!/bin/sh\n"} {
				write(t, filepath.Join(cmd.Dir, path), text)
			}
			cmd.Path, cmd.Args = program, []string{"make", "--no-print-directory", "-f", makefile, "-o", "bin/api", "-o", "bin/devdb", target}
			cmd.Env = append(cmd.Env, "MAKEFLAGS=", "MAKELEVEL=0", "PATH="+filepath.Join(cmd.Dir, "bin")+":/usr/bin:/bin")
			l := launchCommand(t, cmd)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			l.status()
			l.gone(t)
		})
	}
}
