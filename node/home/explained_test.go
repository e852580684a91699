package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cairn/node/api"
)

// A place that cannot be written to is told without the words of the system, with what was being
// done and what helps.
func TestExplained(t *testing.T) {
	at := func(errno error) error {
		return fmt.Errorf("restoring: %w", errors.Join(nil, &fs.PathError{Op: "write", Path: "/x/cairn.toml", Err: errno}))
	}
	for _, c := range []struct {
		err        error
		says, hint string
	}{
		{at(syscall.ENOSPC), "restoring: no room is left for /x/cairn.toml", "make room on that disk, or choose another place"},
		{at(syscall.EROFS), "restoring: /x/cairn.toml is on a disk that is read-only", "mount it for writing, or choose another place"},
		{&os.LinkError{Op: "rename", Old: "/a", New: "/x", Err: syscall.ENOTDIR}, "/x: not a directory, or something on the way there is none", "choose another place"},
	} {
		if e := Explained(c.err); e == nil || e.Message != c.says || e.Hint != c.hint {
			t.Errorf("%v: %+v", c.err, e)
		}
	}
	for _, err := range []error{at(syscall.EIO), syscall.ENOSPC, errors.New("x")} {
		if e := Explained(err); e != nil {
			t.Errorf("%v: %+v", err, e)
		}
	}
}

// Missing rights are told as such, with the code for them, and not as the owner's of a file that is
// not there.
func TestNotAllowedSaysWhatHelps(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		file:                            "run the command as the user that owns the file",
		filepath.Join(dir, "new"):       "run the command as a user that may make files in " + dir + ", or choose another place",
		filepath.Join(dir, "new/below"): "run the command as a user that may make files in " + dir + ", or choose another place",
	} {
		err := fmt.Errorf("making it: %w", &fs.PathError{Op: "mkdir", Path: path, Err: syscall.EACCES})
		if got := NotAllowed(err); got != want {
			t.Errorf("%s: %q", path, got)
		}
		if e := api.AsError(unusable(path, err)); e.Code != api.CodeNotAllowed {
			t.Errorf("%s: %+v", path, e)
		}
	}
}

func TestDirectoryIsOne(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, bad := range map[string]bool{dir: false, filepath.Join(dir, "none"): false, file: true, filepath.Join(file, "below"): true} {
		if err := Directory(path); (err != nil) != bad || bad && err.Error() != path+" is not a directory" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Nothing is restored to where a link leads to nothing, and that is said before the work.
func TestRestoreToALinkToNothing(t *testing.T) {
	target := filepath.Join(t.TempDir(), "node")
	if err := os.Symlink("none", target); err != nil {
		t.Fatal(err)
	}
	w, err := Begin(target)
	if err == nil {
		w.Abandon()
	}
	if e := api.AsError(err); e == nil || !strings.Contains(e.Message, "leads to what is not there") || e.Hint == "" {
		t.Errorf("%+v", e)
	}
}
