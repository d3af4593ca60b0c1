//go:build unix

package devdb

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// owner is the user who runs the server and owns its data. PostgreSQL refuses root, and containers often are root.
type owner struct {
	name       string
	uid, gid   int
	credential *syscall.Credential // nil: this program's own user
}

func findOwner() (owner, error) {
	if os.Geteuid() != 0 {
		return owner{name: "this user", uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if uidErr == nil && gidErr == nil {
			return owner{name, uid, gid, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
		}
	}
	return owner{}, errors.New("this is root, and there is no user postgres or nobody to run the server")
}

// command prepares a program of PostgreSQL: as the owner, in a process group of its own so that the terminal's Ctrl-C
// goes past it, and without the developer's PG… variables, which would change what it does.
func (o owner) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/" // the present folder may be closed to the owner
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: o.credential}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PG") && !strings.HasPrefix(kv, "LC_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	// UTC spares initdb the search for the name of the local zone; C keeps messages in one language.
	cmd.Env = append(cmd.Env, "TZ=UTC", "LC_ALL=C")
	return cmd
}

// mkdir makes a folder that only the owner enters.
func (o owner) mkdir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	if err := os.Lchown(path, o.uid, o.gid); err != nil {
		return fmt.Errorf("give %s to %s: %w", path, o.name, err)
	}
	return nil
}
