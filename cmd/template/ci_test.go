package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// standIn takes make's place. Failover, which runs beside the others, holds file 3 open until it has ended.
const standIn = `#!/bin/sh
case $1 in
test-ha)
	echo "failover ran"
	touch begun
	[ "$FAILOVER" = hangs ] || exit "$FAILOVER"
	sleep 600 & # a child of its own, as go test has one
	wait ;;
*)
	exec 3>&-
	until [ "$1" = lint ] || [ -e begun ]; do sleep 0.05; done
	echo "$1 ran"
	[ "$1" != test-template ] || { touch waits; cat >/dev/null; exit "$TEMPLATE"; } ;;
esac
`

// TestCIRun: a failure of what runs at the same time, of either, is CI's, and is shown. Nothing that it has started stays.
func TestCIRun(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("../../" + marker); err != nil {
		t.Skip("this clone has its name, and its CI runs what it likes")
	}
	for name, test := range map[string]struct {
		failover, template string
		stop               bool
		status             int
		output             string
	}{
		"sound":          {"0", "0", false, 0, "lint ran, test-template ran, failover ran, test-faults ran, test ran"},
		"failover fails": {"3", "0", false, 3, "lint ran, test-template ran, failover ran"},
		"template fails": {"hangs", "5", false, 5, "lint ran, test-template ran"},
		"stopped":        {"hangs", "0", true, -1, "lint ran, test-template ran"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, output, ended := ciRun(t, "FAILOVER="+test.failover, "TEMPLATE="+test.template)
			input, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for _, err = os.Stat(filepath.Join(cmd.Dir, "waits")); err != nil; _, err = os.Stat(filepath.Join(cmd.Dir, "waits")) {
				time.Sleep(10 * time.Millisecond)
			}
			if test.stop {
				_ = cmd.Process.Signal(syscall.SIGTERM)
			}
			input.Close()
			_ = cmd.Wait()
			if got := strings.Join(strings.Split(strings.TrimSpace(output.String()), "\n"), ", "); cmd.ProcessState.ExitCode() != test.status || got != test.output {
				t.Errorf("status %d: %s; want %d: %s", cmd.ProcessState.ExitCode(), got, test.status, test.output)
			}
			ended()
		})
	}
}

// ciRun prepares .ci/run in a folder of its own. ended waits until nothing of it runs.
func ciRun(t *testing.T, env ...string) (cmd *exec.Cmd, output *bytes.Buffer, ended func()) {
	t.Helper()
	root := t.TempDir()
	script, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{".ci/run": string(script), ".ci/missing": "#!/bin/sh\n", "bin/make": standIn, "bin/apt-get": "#!/bin/sh\n", "ops/ha/main.go": ""}
	syscall.ForkLock.RLock() // a child of another test that has such a file open for writing would keep it from being run
	defer syscall.ForkLock.RUnlock()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	held, holds, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	output = new(bytes.Buffer)
	cmd = exec.Command(filepath.Join(root, ".ci/run"))
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = root, output, output, []*os.File{holds}
	cmd.Env = append(os.Environ(), append(env, "PATH="+filepath.Join(root, "bin")+":"+os.Getenv("PATH"))...)
	return cmd, output, func() {
		holds.Close()
		_ = held.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.ReadAll(held); err != nil {
			t.Errorf("something still runs: %v", err)
		}
	}
}
