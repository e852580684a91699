package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cairn/node/api"
)

// Names of what is not finished.
const (
	restoring  = ".restoring" // ends the name of the folder in which a directory grows
	unfinished = "unfinished" // the file in it that says so; whoever works on it holds its lock
)

// Unfinished reports whether a directory is one that a restore has not finished.
func Unfinished(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, unfinished))
	return err == nil
}

// Work is a directory that grows beside the place where it will be, in a folder that the next try takes over if this one
// is killed.
type Work struct {
	target, dir string
	lock        *os.File // nil: finished
	empty       bool     // target was there, empty
}

// Begin makes the folder to work in, or clears the one of a restore that was killed. It changes nothing if target is
// anything but an empty directory or missing. The caller ends with Abandon, whatever came of it.
func Begin(target string) (*Work, error) {
	target, err := filepath.Abs(target)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(target); err == nil {
		target = real
	}
	w := &Work{target: target, dir: target + restoring}
	if w.empty, err = isEmpty(target); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return nil, fmt.Errorf("restoring: %w", err)
	}
	if w.lock, err = claim(w.dir); err != nil {
		return nil, err
	}
	if !w.empty {
		return w, nil
	}
	if err := os.Remove(target); err != nil { // better known now than after the work
		w.empty = false
		w.Abandon()
		return nil, api.Errorf(api.CodeInvalid, "name a directory inside of it", "restoring: %s cannot be replaced, it may be a mount point: %v", target, err)
	}
	return w, nil
}

// isEmpty tells whether dir is there; the error is that something is in it, or that it is no directory.
func isEmpty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, api.Errorf(api.CodeInvalid, "name a directory that is empty or missing", "restoring: %v", err)
	case len(entries) > 0:
		return false, api.Errorf(api.CodeExists, "choose another directory with --dir, one that is empty or missing",
			"restoring: %s is not empty, and nothing is ever overwritten", dir)
	}
	return true, nil
}

// claim makes a folder to work in and locks it. What a killed restore left there is removed, but nothing else.
func claim(dir string) (*os.File, error) {
	foreign := api.Errorf(api.CodeExists, "look into it, and move or remove it", "restoring: %s is in the way", dir)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("restoring: %w", err)
	}
	if found, err := os.Lstat(dir); err != nil || !found.IsDir() || found.Mode().Perm() != 0o700 {
		return nil, foreign // a link, or a folder that others may write to
	}
	mark := filepath.Join(dir, unfinished)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("restoring: %w", err)
	}
	if _, err := os.Lstat(mark); err != nil && len(entries) > 0 {
		return nil, foreign
	}
	f, err := os.OpenFile(mark, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("restoring: %w", err)
	}
	// The one who held the lock may have finished in between.
	held, heldErr := f.Stat()
	there, thereErr := os.Stat(mark)
	if !tryLock(f) || errors.Join(heldErr, thereErr) != nil || !os.SameFile(held, there) {
		f.Close()
		return nil, api.Errorf(api.CodeTryLater, "wait for the other one", "restoring: another restore works in %s", dir)
	}
	for _, e := range entries {
		if e.Name() != unfinished {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("restoring: clearing what an earlier try left: %w", err)
	}
	return f, nil
}

// file writes one file of the directory, and syncs it.
func (w *Work) file(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// finish moves the directory to its place.
func (w *Work) finish() error {
	for _, d := range []string{MailDir, KeysDir} {
		if err := SyncDir(filepath.Join(w.dir, d)); err != nil {
			return fmt.Errorf("restoring: %w", err)
		}
	}
	if err := os.Remove(filepath.Join(w.dir, unfinished)); err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	if err := SyncDir(w.dir); err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	if err := os.Rename(w.dir, w.target); err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	w.lock.Close()
	w.lock = nil
	return SyncDir(filepath.Dir(w.target))
}

// Abandon makes it as it was before Begin, unless it is finished.
func (w *Work) Abandon() {
	if w.lock == nil {
		return
	}
	os.RemoveAll(w.dir)
	if w.empty {
		os.Mkdir(w.target, 0o700)
	}
	w.lock.Close()
	w.lock = nil
}

// SyncDir makes durable which names are in a folder.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
