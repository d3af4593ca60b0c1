//go:build unix

package devdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// folder holds one server's data, log and lock. Whoever has the lock may start a server on the data, or remove it.
type folder struct {
	path      string
	lock      *os.File
	throwaway bool
}

func (f *folder) data() string { return filepath.Join(f.path, "data") }
func (f *folder) log() string  { return filepath.Join(f.path, "postgres.log") }

// socket is the folder of the socket: the same at each start, and short, since the system allows about 100 bytes.
func (f *folder) socket() string {
	return fmt.Sprintf("/tmp/devdb-%d-%s", os.Getuid(), shortHash(f.path))
}

// claim makes and locks the folder that the options ask for.
func claim(opts Options) (*folder, error) {
	if opts.Throwaway {
		base, err := throwawayBase()
		if err != nil {
			return nil, err
		}
		sweep(base)
		return newThrowaway(base)
	}
	if opts.Dir == "" {
		return nil, errors.New("no folder for the data is named")
	}
	path, err := makeFolder(opts.Dir)
	if err != nil {
		return nil, err
	}
	f := &folder{path: path}
	return f, f.acquire()
}

// makeFolder makes a folder, with those above it, that only this user enters; for root everybody passes through, to
// reach what is his below.
func makeFolder(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := makeMissing(path); err != nil {
		return "", err
	}
	// Below a symbolic link PostgreSQL's own path differs from ours, and its processes would not be recognised.
	return filepath.EvalSymlinks(path)
}

// makeMissing leaves folders that are there as they are, and makes others the same under every umask.
func makeMissing(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := makeMissing(filepath.Dir(path)); err != nil {
		return err
	}
	err := os.Mkdir(path, folderMode())
	if errors.Is(err, os.ErrExist) {
		return nil // another starter was faster
	}
	if err != nil {
		return err
	}
	return os.Chmod(path, folderMode())
}

func folderMode() os.FileMode {
	if os.Geteuid() == 0 {
		return 0o711
	}
	return 0o700
}

// acquire takes the lock. It is patient for a moment: a starter that was just killed holds it until it is quite gone.
func (f *folder) acquire() error {
	for deadline := time.Now().Add(time.Second / 2); ; time.Sleep(10 * time.Millisecond) {
		held, err := f.tryLock()
		if held || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(filepath.Join(f.path, "lock"))
			return fmt.Errorf("%s is in use by %s", f.path, strings.TrimSpace(string(text)))
		}
	}
}

func (f *folder) tryLock() (held bool, err error) {
	file, err := os.OpenFile(filepath.Join(f.path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return false, nil
		}
		return false, fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	f.lock = file
	return true, nil
}

// sign writes into the lock who holds it, for the message to a second starter.
func (f *folder) sign(url string) error {
	if err := f.lock.Truncate(0); err != nil {
		return err
	}
	_, err := f.lock.WriteAt(fmt.Appendf(nil, "devdb, process %d: end it, or connect to it by %s\n", os.Getpid(), url), 0)
	return err
}

// release gives the folder up; a throw-away one goes away.
func (f *folder) release() error {
	err := os.RemoveAll(f.socket())
	if f.throwaway {
		err = errors.Join(err, removeAll(f.path))
	}
	return errors.Join(err, f.lock.Close())
}

// removeAll is patient: the backends of a killed postmaster may write for a moment more.
func removeAll(path string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := os.RemoveAll(path)
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}
