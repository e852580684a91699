//go:build linux || darwin

package home

import (
	"os"
	"syscall"
)

// tryLock locks f until it is closed or the process ends; false if another one has it.
func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
