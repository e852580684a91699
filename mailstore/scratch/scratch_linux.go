package scratch

import (
	"os"

	"golang.org/x/sys/unix"
)

// fit reports whether dir is a disk of memory with room on it from which programs may be run.
func fit(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Type == unix.TMPFS_MAGIC && st.Flags&unix.ST_NOEXEC == 0 &&
		int64(st.Bavail)*st.Bsize >= room && unix.Access(dir, unix.W_OK) == nil
}

// lock locks a file, which it makes if there is none, for this process alone.
func lock(path string) (free func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
