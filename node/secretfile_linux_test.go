package node

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"cairn/mailstore/testenv"
)

// TestSecretOfAnotherUser: where a file is root's alone, its mode is not what is wrong with it.
func TestSecretOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		testenv.Lacking(t, "only root has files of another user")
	}
	folder := shortDir(t)
	within := filepath.Join(folder, "within")
	if err := os.Mkdir(within, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(within, "secret")
	if err := os.WriteFile(file, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	reads := func() string {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
		syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
		_, err := readPassword("outbound.password_file", file)
		bad, is := errors.AsType[*ConfigError](err)
		if !is {
			t.Fatal(err)
		}
		return bad.Next
	}
	if next, want := reads(), "give it to this user: chown root "+file; next != want { // the process is still root's
		t.Errorf("another's file: %q, want %q", next, want)
	}
	if err := os.Chmod(within, 0o700); err != nil {
		t.Fatal(err)
	}
	if next, want := reads(), "put it into a folder that this user, root, may enter"; next != want {
		t.Errorf("another's folder: %q, want %q", next, want)
	}
}
