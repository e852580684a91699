//go:build linux || darwin

package intact

import (
	"errors"
	"os"
	"syscall"
)

// locked runs fn while it holds the lock that Badger takes on a folder, and reports whether it got it; where the folder is in use it does
// not run fn. One that does not exist yet is made.
func locked(dir string, fn func() error) (free bool, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false, nil
	}
	return true, fn()
}
