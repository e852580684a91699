package home

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"cairn/node/api"
)

// Explained is the error of a file that could not be written for a reason of the place, with what
// helps; nil for others. What stands before the system's words in its text, such as what was being
// done, stays.
func Explained(err error) *api.Error {
	path, doing, ok := ofPath(err)
	if !ok {
		return nil
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return api.Errorf(api.CodeInvalid, "make room on that disk, or choose another place", "%sno room is left for %s", doing, path)
	case errors.Is(err, syscall.EROFS):
		return api.Errorf(api.CodeInvalid, "mount it for writing, or choose another place", "%s%s is on a disk that is read-only", doing, path)
	case errors.Is(err, syscall.ENOTDIR):
		return api.Errorf(api.CodeInvalid, "choose another place", "%s%s: not a directory, or something on the way there is none", doing, path)
	}
	return nil
}

// NotAllowed is what to do about an error of missing rights, by whether it is of a file that is
// there or of a place for one.
func NotAllowed(err error) string {
	const owner = "run the command as the user that owns the file"
	path, _, ok := ofPath(err)
	if !ok || isThere(path) {
		return owner
	}
	for up := filepath.Dir(path); ; up = filepath.Dir(up) {
		if isThere(up) || up == filepath.Dir(up) {
			return "run the command as a user that may make files in " + up + ", or choose another place"
		}
	}
}

// Directory holds that what has the name of a node's directory, if anything has, is one.
func Directory(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir() {
		return api.Errorf(api.CodeInvalid, "name a node's directory with --dir", "%s is not a directory", dir)
	}
	return nil
}

// ofPath takes the error of a system call apart: the file that was meant, and what the text says
// before.
func ofPath(err error) (path, doing string, ok bool) {
	var call error
	if e, is := errors.AsType[*fs.PathError](err); is {
		path, call = e.Path, e
	} else if e, is := errors.AsType[*os.LinkError](err); is {
		path, call = e.New, e
	} else {
		return "", "", false
	}
	doing, _, _ = strings.Cut(err.Error(), call.Error())
	return path, doing, true
}

// Somewhere holds that what has the name of a folder to be made, if anything has, leads to
// something.
func Somewhere(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && isThere(dir) {
		return leadsNowhere(filepath.Clean(dir), "remove the link")
	}
	return nil
}
