package home

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cairn/node/api"
)

// partial ends the name of a backup that is not finished.
const partial = ".partial"

// File is a backup that is being written. It has its name only when all of it is on the disk.
type File struct {
	*os.File
	path string
	made fs.FileInfo // of the file, to know it by
	done bool        // committed or discarded
}

// NewFile begins a backup at path, which must not be there and must not be inside the node's
// directory.
func NewFile(path, node string) (*File, error) {
	switch inside, err := Inside(path, node); {
	case inside: // who loses that loses both
		return nil, api.Errorf(api.CodeInvalid, "write it to another disk, or to - and from there elsewhere",
			"making the backup: %s is inside of the node's directory %s, and would be lost with it", path, node)
	case err != nil && !errors.Is(err, fs.ErrNotExist): // whoever reads the directory tells that it is not there
		return nil, making(err)
	}
	if strings.HasSuffix(path, partial) { // the next one would take it for what a killed one has left
		return nil, api.Errorf(api.CodeInvalid, "choose a name that ends otherwise", "making the backup: %s is the name of a backup that is not finished", path)
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, taken(path)
	}
	f := &File{path: path}
	if err := f.create(); err != nil {
		return nil, making(err)
	}
	return f, nil
}

// create makes the file, and takes what a killed backup has left out of its way. That is removed
// and never written to: if it was killed late, a finished backup is the same file.
func (f *File) create() error {
	const anew = os.O_RDWR | os.O_CREATE | os.O_EXCL
	made, err := os.OpenFile(f.path+partial, anew, 0o600)
	if errors.Is(err, fs.ErrExist) {
		left, leftErr := leftBehind(f.path + partial)
		if leftErr != nil {
			return leftErr
		}
		defer left.Close() // locked until the new one is: nobody else removes that
		if err := os.Remove(f.path + partial); err != nil {
			return err
		}
		made, err = os.OpenFile(f.path+partial, anew, 0o600)
	}
	if errors.Is(err, fs.ErrExist) {
		return underWay(f.path + partial)
	}
	if err != nil {
		return err
	}
	f.File = made
	if f.made, err = made.Stat(); err == nil && lockedElsewhere(made) { // by who found it before it was locked
		err = underWay(f.path + partial)
	}
	if err == nil {
		err = f.check()
	}
	if err != nil {
		made.Close()
	}
	return err
}

// check holds what lies at the unfinished name to the file: another one may have taken it away
// before it was locked.
func (f *File) check() error {
	if there, err := os.Lstat(f.path + partial); err != nil || !os.SameFile(f.made, there) {
		return underWay(f.path + partial)
	}
	return nil
}

// leftBehind opens and locks what a backup that was killed has left, unless it is under way or
// something else.
func leftBehind(path string) (*os.File, error) {
	foreign := api.Errorf(api.CodeExists, "if no other backup is being made, look into it and remove it",
		"making the backup: %s is there, and is not known to be of one that was interrupted", path)
	found, err := os.Lstat(path)
	if err != nil || !found.Mode().IsRegular() || found.Mode().Perm() != 0o600 {
		return nil, foreign
	}
	f, err := os.Open(path)
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
	return f, nil
}

// making is err with what was being done, unless it tells already.
func making(err error) error {
	if _, told := errors.AsType[*api.Error](err); told || err == nil {
		return err
	}
	return fmt.Errorf("making the backup: %w", err)
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
	for _, step := range f.steps() {
		if err := step(); err != nil {
			f.Discard()
			return making(err)
		}
	}
	f.done = true
	if !locks {
		return nil
	}
	return making(f.Close()) // locked until now: nobody takes it for what a killed one has left
}

// steps are the system calls of Commit. Whoever is killed after any of them leaves a backup that is
// whole, or none.
func (f *File) steps() []func() error {
	list := []func() error{f.check, f.Sync, f.link, f.unlink, func() error { return SyncDir(filepath.Dir(f.path)) }}
	if !locks { // there an open file may not be moved
		list = slices.Insert(list, 2, func() error { return f.Close() })
	}
	return list
}

// link gives the backup its name. A link, unlike a rename, fails when the name is taken; but not
// every file system has links.
func (f *File) link() error {
	err := os.Link(f.path+partial, f.path)
	if err == nil {
		return nil
	}
	if _, there := os.Lstat(f.path); there == nil {
		return taken(f.path)
	}
	return os.Rename(f.path+partial, f.path)
}

// unlink takes the unfinished name away, if link has left it.
func (f *File) unlink() error {
	if err := os.Remove(f.path + partial); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Discard removes what was written, unless it is committed.
func (f *File) Discard() {
	if f.done {
		return
	}
	f.done = true
	if !locks {
		f.Close()
	}
	if f.check() == nil {
		os.Remove(f.path + partial)
	}
	f.Close()
}

// Inside reports whether a file that need not be there would lie in the directory dir, by whatever
// names the two are given.
func Inside(path, dir string) (bool, error) {
	is, err := os.Stat(dir)
	if err != nil {
		return false, err
	}
	at, err := filepath.Abs(path)
	if err != nil {
		return false, err
	}
	if actual, err := filepath.EvalSymlinks(filepath.Dir(at)); err == nil {
		at = filepath.Join(actual, filepath.Base(at))
	}
	for up := filepath.Dir(at); ; up = filepath.Dir(up) {
		if info, err := os.Stat(up); err == nil && os.SameFile(info, is) {
			return true, nil
		}
		if up == filepath.Dir(up) {
			return false, nil
		}
	}
}
