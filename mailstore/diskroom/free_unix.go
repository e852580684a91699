//go:build linux || darwin

package diskroom

import "syscall"

// freeSpace returns the bytes that this process may still use on the volume of dir.
func freeSpace(dir string) (free int64, known bool) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, false
	}
	return int64(fs.Bavail) * int64(fs.Bsize), true
}
