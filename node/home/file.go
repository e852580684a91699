package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cairn/node/api"
)

// partial ends the name of a backup that is not finished.
const partial = ".partial"

// File is a backup that is being written. It has its name only when all of it is on the disk.
type File struct {
	*os.File
	path string
}

// NewFile begins a backup at path, which must not be there and must not be inside the node's directory.
func NewFile(path, node string) (*File, error) {
	if err := checkOutside(path, node); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, taken(path)
	}
	f, err := os.OpenFile(path+partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, api.Errorf(api.CodeExists, "if no other backup is being made, remove it", "making the backup: %s is there, from one that is under way or was interrupted", path+partial)
	}
	if err != nil {
		return nil, fmt.Errorf("making the backup: %w", err)
	}
	return &File{File: f, path: path}, nil
}

func taken(path string) error {
	return api.Errorf(api.CodeExists, "choose another name", "making the backup: %s is there already, and is never overwritten", path)
}

// Commit makes the backup durable and gives it its name.
func (f *File) Commit() error {
	err := errors.Join(f.Sync(), f.Close())
	if err == nil {
		// A link, unlike a rename, fails when the name is taken; but not every file system has links.
		if err = os.Link(f.path+partial, f.path); err == nil {
			err = os.Remove(f.path + partial)
		} else if _, there := os.Lstat(f.path); there == nil {
			err = taken(f.path)
		} else {
			err = os.Rename(f.path+partial, f.path)
		}
	}
	if err != nil {
		os.Remove(f.path + partial)
		return fmt.Errorf("making the backup: %w", err)
	}
	return SyncDir(filepath.Dir(f.path))
}

// Discard removes what was written.
func (f *File) Discard() {
	f.Close()
	os.Remove(f.path + partial)
}

// checkOutside refuses a backup in the directory that it is of: who loses that loses both.
func checkOutside(path, node string) error {
	home, err := os.Stat(node)
	if err != nil {
		return nil // whoever reads the directory tells
	}
	at, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(at)); err == nil {
		at = filepath.Join(real, filepath.Base(at))
	}
	for up := filepath.Dir(at); ; up = filepath.Dir(up) {
		if info, err := os.Stat(up); err == nil && os.SameFile(info, home) {
			return api.Errorf(api.CodeInvalid, "write it to another disk, or to - and from there elsewhere",
				"making the backup: %s is inside of the node's directory %s, and would be lost with it", path, node)
		}
		if up == filepath.Dir(up) {
			return nil
		}
	}
}
