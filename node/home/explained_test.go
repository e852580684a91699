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
