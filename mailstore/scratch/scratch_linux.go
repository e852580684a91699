package scratch

import (
	"errors"

	"golang.org/x/sys/unix"
)

// fit reports whether dir is a disk of memory with room on it from which programs may be run.
func fit(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Type == unix.TMPFS_MAGIC && st.Flags&unix.ST_NOEXEC == 0 &&
		int64(st.Bavail)*st.Bsize >= room && unix.Access(dir, unix.W_OK) == nil
}

func runs(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }
