//go:build linux || darwin

package home

import (
	"errors"
	"os"
	"syscall"
)

// tryLock locks f until it is closed or the process ends; false if another one has it.
func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// locks: a file can be locked here.
const locks = true

// lockedElsewhere locks f as tryLock does, and reports whether another one has it. Where a file
// system has no locks it has not.
func lockedElsewhere(f *os.File) bool {
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// Owner returns the numbers of the user and the group that have a file.
func Owner(path string) (uid, gid int, known bool) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return 0, 0, false
	}
	return int(st.Uid), int(st.Gid), true
}
