//go:build unix && !linux

package devdb

import (
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// localeArgs make text sort by bytes; macOS has no C.UTF-8 before version 15, but a character type UTF-8.
var localeArgs = []string{"--locale=C", "--lc-ctype=" + map[bool]string{true: "UTF-8", false: "C"}[runtime.GOOS == "darwin"]}

// watchdog reads a pipe that only this program holds open. The pipe ends when the program does.
const watchdog = `trap '' INT TERM HUP; cat; kill -s "$1" "$2"`

// startTied starts the command and a watchdog that signals it when this program ends.
func startTied(cmd *exec.Cmd, onOrphan syscall.Signal) (untie func(), err error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	dog := exec.Command("/bin/sh", "-c", watchdog, "devdb-watchdog", strconv.Itoa(int(onOrphan)), strconv.Itoa(cmd.Process.Pid))
	dog.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	leash, err := dog.StdinPipe()
	if err == nil {
		err = dog.Start()
	}
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	return func() {
		_ = dog.Process.Kill() // before the pipe closes: the number may belong to another process by now
		_ = leash.Close()
		_ = dog.Wait()
	}, nil
}

// isPostmaster tells whether a live process was started on the data folder.
func isPostmaster(pid int, data string) bool {
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "-D "+data+" ")
}

// memoryFolder: no folder in memory is known here.
func memoryFolder() (string, bool) { return "", false }
