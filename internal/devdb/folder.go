//go:build unix

package devdb

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// folder is where a server's data, log and lock are.
type folder struct {
	path string
	lock *os.File // its holder may start a server on the data; its text tells others who that is
}

func (f *folder) data() string { return filepath.Join(f.path, "data") }
func (f *folder) log() string  { return filepath.Join(f.path, "postgres.log") }

// socket is the folder of the socket: the same at each start, and short, since the system allows about 100 bytes.
func (f *folder) socket() string {
	return fmt.Sprintf("/tmp/devdb-%d-%s", os.Getuid(), shortHash(f.path))
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return fmt.Sprintf("%x", sum[:4])
}

// DefaultDir is where the data of the working folder's project is kept: .devdb in it, but for root a folder of its own,
// since PostgreSQL refuses to be root and other users may not enter the project (a clone below /root, a bind mount).
func DefaultDir() string {
	project, _ := os.Getwd() // without one Start fails for the same reason
	if os.Geteuid() == 0 {
		return filepath.Join("/var/lib/devdb", filepath.Base(project)+"-"+shortHash(project))
	}
	return filepath.Join(project, ".devdb")
}

// claim makes the folder, a new one if it is thrown away, and takes its lock.
func claim(ctx context.Context, opts Options) (*folder, error) {
	if opts.Throwaway {
		opts.Dir = filepath.Join(throwawayBase(), "devdb-"+rand.Text()[:10])
	}
	if opts.Dir == "" {
		return nil, errors.New("no folder for the data is named")
	}
	path, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, err
	}
	if err := makeFolder(path); err != nil {
		return nil, err
	}
	holder, told := &InUseError{Dir: path}, false
	f := &folder{path: path}
	f.lock, err = lock(ctx, filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, func() error {
		text, _ := os.ReadFile(filepath.Join(path, "lock"))
		if _, _ = fmt.Sscan(string(text), &holder.PID, &holder.URL); holder.URL != "" {
			return holder
		}
		if holder.PID != 0 && !told {
			told = true
			fmt.Fprintf(opts.Log, "devdb: waiting for process %d, which starts or stops the PostgreSQL in %s\n", holder.PID, path)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, f.sign("")
}

// throwawayBase is in memory, if there is a GB of room: containers often have 64 MB there, too little for tests.
func throwawayBase() string {
	const folder, need = "/dev/shm", 1 << 20
	out, _ := exec.Command("df", "-Pk", folder).Output() // without such a folder there is no output
	_, line, _ := strings.Cut(string(out), "\n")
	if fields := strings.Fields(line); len(fields) > 3 {
		if free, err := strconv.Atoi(fields[3]); err == nil && free >= need {
			return folder
		}
	}
	return os.TempDir()
}

// makeFolder makes a folder, with those above it, that only this user enters; for root everybody passes through, to
// reach what is his below. The umask does not count.
func makeFolder(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := os.Mkdir(path, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Chmod(path, mode)
}

// InUseError says that another program runs a server on the same data. While that lasts, its URL serves everybody.
type InUseError struct {
	Dir, URL string
	PID      int
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("%s is in use by process %d; end it, or use its %s", e.Dir, e.PID, e.URL)
}

// unlock gives the folder up at once: a process that is just being started has a copy of the file, which would keep the
// lock until it executes.
func (f *folder) unlock() {
	_ = syscall.Flock(int(f.lock.Fd()), syscall.LOCK_UN)
	_ = f.lock.Close()
}

// sign writes into the lock who holds it, and the URL while the server takes connections.
func (f *folder) sign(url string) error {
	if err := f.lock.Truncate(0); err != nil {
		return err
	}
	_, err := f.lock.WriteAt(fmt.Appendln(nil, os.Getpid(), url), 0)
	return err
}

// idle waits until no process of an earlier server is left, and locks the folder for the next one: all its processes
// inherit that lock, and it is free when the last of them has ended, however that came.
func (f *folder) idle(ctx context.Context) (*os.File, error) {
	return lock(ctx, f.path, os.O_RDONLY, func() error { return nil })
}

// lock opens a file or a folder and waits until nobody else has it locked; between its attempts it asks whether to go on.
func lock(ctx context.Context, path string, flags int, ask func() error) (*os.File, error) {
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return file, nil
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ask()
		}
		if err == nil && ctx.Err() != nil {
			err = fmt.Errorf("%s is still locked: %w", path, context.Cause(ctx))
		}
		if err != nil {
			_ = file.Close()
			return nil, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// owner is the user who runs the server and owns its data. PostgreSQL refuses root, and containers often are root.
type owner struct {
	name     string
	uid, gid int
}

func findOwner() (owner, error) {
	if os.Geteuid() != 0 {
		return owner{"this user", os.Geteuid(), os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, uidErr := strconv.Atoi(u.Uid)
			gid, gidErr := strconv.Atoi(u.Gid)
			return owner{name, uid, gid}, errors.Join(uidErr, gidErr)
		}
	}
	return owner{}, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody; make one: useradd postgres")
}

// command prepares a program of PostgreSQL: as the owner, and in a process group of its own so that the terminal's Ctrl-C
// goes past it.
func (o owner) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/" // the present folder may be closed to the owner
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
	}
	// UTC spares initdb the search for the name of the local zone; C keeps messages in one language.
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
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
