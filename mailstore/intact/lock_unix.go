//go:build linux || darwin

package intact

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// A process that was forked, and has not begun its own program yet, holds the locks of the one it
// came from, also when that has closed them: a lock is asked for again for a while.
const (
	forkTime  = 300 * time.Millisecond
	forkTries = 10
)

// locked runs fn while it holds the lock that Badger takes on a folder, and reports whether it got
// it; where the folder is in use it does not run fn. One that does not exist yet is made.
func locked(dir string, fn func() error) (free bool, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for n := 0; syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil; n++ {
		if n == forkTries {
			return false, nil
		}
		time.Sleep(forkTime / forkTries)
	}
	defer func() { err = errors.Join(err, syscall.Flock(int(f.Fd()), syscall.LOCK_UN)) }() // closing does not, while a fork has it too
	return true, fn()
}
