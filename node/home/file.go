package home

import (
	"errors"
	"fmt"
	"io"
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
	f, err := os.OpenFile(path+partial, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		f, err = takeOver(path + partial)
	} else if err == nil && lockedElsewhere(f) { // by who found it before it was locked
		f.Close()
		err = underWay(path + partial)
	}
	if err != nil {
		if _, told := errors.AsType[*api.Error](err); told {
			return nil, err
		}
		return nil, fmt.Errorf("making the backup: %w", err)
	}
	return &File{File: f, path: path}, nil
}

// takeOver opens what a backup that was killed has left, to be written anew, unless it is under way or something else.
func takeOver(path string) (*os.File, error) {
	foreign := api.Errorf(api.CodeExists, "if no other backup is being made, look into it and remove it",
		"making the backup: %s is there, and is not known to be of one that was interrupted", path)
	found, err := os.Lstat(path)
	if err != nil || !found.Mode().IsRegular() || found.Mode().Perm() != 0o600 {
		return nil, foreign
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if lockedElsewhere(f) {
		f.Close()
		return nil, underWay(path)
	}
	// The one who held the lock may have finished in between.
	held, heldErr := f.Stat()
	there, thereErr := os.Lstat(path)
	if !locks || errors.Join(heldErr, thereErr) != nil || !os.SameFile(held, there) || !begunBackup(f) {
		f.Close()
		return nil, foreign
	}
	_, err = f.Seek(0, io.SeekStart)
	if err = errors.Join(err, f.Truncate(0)); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func underWay(path string) error {
	return api.Errorf(api.CodeTryLater, "wait for the other one, or choose another name", "making the backup: another backup is being written to %s", path)
}

// ageMagic begins what is encrypted.
const ageMagic = "age-encryption.org"

// begunBackup reports whether r begins as backups do, however little of one it is.
func begunBackup(r io.Reader) bool {
	b := make([]byte, len(ageMagic))
	n, err := io.ReadFull(r, b)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return false
	}
	for _, start := range []string{magic, ageMagic} {
		if m := min(n, len(start)); string(b[:m]) == start[:m] {
			return true
		}
	}
	return false
}

func taken(path string) error {
	return api.Errorf(api.CodeExists, "choose another name", "making the backup: %s is there already, and is never overwritten", path)
}

// Commit makes the backup durable and gives it its name.
func (f *File) Commit() error {
	err := f.Sync()
	if !locks { // there an open file may not be moved
		err = errors.Join(err, f.Close())
	}
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
	if locks { // held until now: nobody takes it for what a killed one has left
		if err := f.Close(); err != nil {
			return fmt.Errorf("making the backup: %w", err)
		}
	}
	return SyncDir(filepath.Dir(f.path))
}

// Discard removes what was written.
func (f *File) Discard() {
	if !locks {
		f.Close()
	}
	os.Remove(f.path + partial)
	f.Close()
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
