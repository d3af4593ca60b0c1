package devdb

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// localeArgs make text sort by bytes and letters of every script change case.
var localeArgs = []string{"--locale=C.UTF-8"}

// startTied starts the command so that the kernel signals it when the calling thread ends.
func startTied(cmd *exec.Cmd, onOrphan syscall.Signal) (untie func(), err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = onOrphan
	return func() {}, cmd.Start()
}

// isPostmaster tells whether a live process works in the data folder, as a postmaster does. A zombie does not.
func isPostmaster(pid int, data string) bool {
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err == nil && cwd == data
}

// memoryFolder is where files cost no disk, if there is room: containers often have 64 MB there, too little for tests.
func memoryFolder() (string, bool) {
	const folder, need = "/dev/shm", 1 << 30
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return "", false
	}
	return folder, fs.Bavail*uint64(fs.Bsize) >= need
}
