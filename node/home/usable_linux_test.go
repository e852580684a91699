package home

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"cairn/mailstore/testenv"
)

// asSomebodyElse runs fn on a thread for which the files of this user are another one's.
func asSomebodyElse(fn func()) {
	if os.Geteuid() != 0 {
		fn()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
	syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
	fn()
}

// TestNotAllowed takes rights away from files and folders of a node's directory.
func TestNotAllowed(t *testing.T) {
	for name, mode := range map[string]os.FileMode{
		ConfigFile: 0, KeysDir: 0, MailDir: 0o500, ChainDir: 0, "": 0o555,
		MailDir + "/000001.sst": 0o444, IndexDir + "/000001.vlog": 0,
	} {
		t.Run("without rights on "+name, func(t *testing.T) {
			dir := laidOut(t)
			for up := dir; up != os.TempDir() && up != "/"; up = filepath.Dir(up) {
				if err := os.Chmod(up, 0o777); err != nil {
					t.Fatal(err)
				}
			}
			err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
				if err == nil && os.Geteuid() == 0 {
					err = os.Lchown(path, 65534, 65534)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			asSomebodyElse(func() { holds(t, Usable(dir), "") })
			if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
				t.Fatal(err)
			}
			asSomebodyElse(func() { holds(t, Usable(dir), "this user may not read and write it") })
			os.Chmod(filepath.Join(dir, name), 0o700)
		})
	}
}

// TestRootInTheDirectoryOfAnother: root makes nothing in another user's directory, who could not
// use it.
func TestRootInTheDirectoryOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		testenv.Lacking(t, "this user is not root")
	}
	dir := laidOut(t)
	holds(t, Usable(dir), "")
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	holds(t, Usable(dir), "could not use any more what this one, root, writes there")
}
