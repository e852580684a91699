package node

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"cairn/node/api"
	"cairn/node/home"
)

// A recovery key that could not be removed is not written anywhere else.
func TestRecoveryKeyStaysWhereItCannotBeRemoved(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.example")
	from, out := enrolledRecovery(t, dir), filepath.Join(shortDir(t), "recovery")
	keys := filepath.Dir(from)
	if os.Geteuid() == 0 { // whom no mode keeps from anything
		for _, d := range []string{filepath.Dir(out), dir, filepath.Dir(dir)} {
			err := filepath.WalkDir(d, func(path string, _ fs.DirEntry, err error) error {
				if err == nil {
					err = os.Lchown(path, 65534, 65534)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
		syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
	}
	if err := os.Chmod(keys, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(keys, 0o700)
	if err := TakeRecoveryKey(dir, out); err == nil || fileExists(out) || !fileExists(filepath.Join(dir, home.RecoveryKey)) {
		t.Errorf("%v; written: %v", err, fileExists(out))
	}
}

// TestRecoveryKeyIsWrittenToAFile: what keeps nothing is refused, and what was written in part does
// not stand in the way of the next time.
func TestRecoveryKeyIsWrittenToAFile(t *testing.T) {
	dir, _ := founder(t, "Alpha", "alpha.test")
	for _, path := range []string{"-", "/dev/null", "/dev/full", t.TempDir()} {
		if e := api.AsError(TakeRecoveryKey(dir, path)); e == nil || e.Hint == "" || !HasRecoveryKey(dir) {
			t.Errorf("%s: %+v", path, e)
		}
	}
}
