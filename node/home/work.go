package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cairn/node/api"
)

// Names of what is not finished.
const (
	restoring  = ".restoring" // ends the name of the folder that is worked in
	growing    = "node"       // the directory in it that grows
	unfinished = "unfinished" // the file in both that says so; whoever works there holds the lock of the folder's
)

// Unfinished reports whether a directory is one that a restore has not finished.
func Unfinished(dir string) bool {
	return hasMark(dir) || filepath.Base(dir) == growing && strings.HasSuffix(filepath.Dir(dir), restoring) && hasMark(filepath.Dir(dir))
}

func hasMark(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, unfinished))
	return err == nil
}

// UnfinishedRestore is the error of a directory that a restore works in, or that one was to make
// and has not; nil for any other.
func UnfinishedRestore(dir string) error {
	next := "restore the backup again: cairn backup restore FILE"
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	if Unfinished(path) {
		hint := "restore the backup again: cairn backup restore FILE --dir OTHER"
		if target := restoredTo(dir, path); target != "" {
			hint = api.Typable(next, "cairn", target)
		}
		return api.Errorf(api.CodeInvalid, hint, "%s is what a restore was making when it ended: there is no node in it", dir)
	}
	if actual, err := filepath.EvalSymlinks(path); err == nil {
		path = actual
	}
	entries, _ := os.ReadDir(path)
	if grows := path + restoring; len(entries) == 0 && hasMark(grows) {
		return api.Errorf(api.CodeInvalid, next, "%s is no node's directory yet: the restore that works in %s has not ended", dir, grows)
	}
	return nil
}

// restoredTo is the place of a directory that is not finished, by the first of its paths that
// tells; empty if it was moved.
func restoredTo(paths ...string) string {
	for _, path := range paths {
		folder := strings.TrimSuffix(filepath.Clean(path), string(filepath.Separator)+growing)
		if target, ok := strings.CutSuffix(folder, restoring); ok {
			return target
		}
	}
	return ""
}

// Work is a directory that grows beside the place where it will be, in a folder that the next try
// takes over if this one is killed. The folder has its mark from first to last, so that it is known
// for what it is whenever that happens; the directory in it loses its own when it is whole.
type Work struct {
	target, dir string   // where it will be; the folder
	lock        *os.File // nil: nothing is left of the folder
	empty       bool     // target was there, empty, and is not now
}

// Begin makes the folder to work in, or clears the one of a restore that was killed. It changes
// nothing if target is anything but an empty directory or missing. The caller ends with Abandon,
// whatever came of it.
func Begin(target string) (*Work, error) {
	target, err := filepath.Abs(target)
	if err != nil {
		return nil, err
	}
	if actual, err := filepath.EvalSymlinks(target); err == nil {
		target = actual
	}
	if err := Somewhere(target); err != nil {
		return nil, err
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
	if err := w.begin(); err != nil {
		w.empty = false
		w.Abandon()
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

// begin makes the directory that grows, and marks it.
func (w *Work) begin() error {
	if err := os.Mkdir(w.path(""), 0o700); err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	return w.file(w.path(unfinished), nil)
}

// path is where a part is put; without a name, the directory.
func (w *Work) path(name string) string {
	return filepath.Join(w.dir, growing, filepath.FromSlash(name))
}

// isEmpty tells whether dir is there; the error is that something is in it, or that it is no
// directory.
func isEmpty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		if e := Explained(fmt.Errorf("restoring: %w", err)); e != nil {
			return false, e
		}
		if errors.Is(err, fs.ErrPermission) {
			return false, fmt.Errorf("restoring: %w", err)
		}
		return false, api.Errorf(api.CodeInvalid, "name a directory that is empty or missing", "restoring: %v", err)
	case len(entries) > 0:
		return false, api.Errorf(api.CodeExists, "choose another directory with --dir, one that is empty or missing; if it is of a restore that was killed, it is whole",
			"restoring: %s is not empty, and nothing is ever overwritten", dir)
	}
	return true, nil
}

// claim makes a folder to work in and locks it. What a killed restore left there is removed, but
// nothing else.
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
	locked := tryLock(f)
	// The one who held the lock may have finished in between.
	held, heldErr := f.Stat()
	there, thereErr := os.Lstat(mark)
	if !locked || errors.Join(heldErr, thereErr) != nil || !os.SameFile(held, there) {
		f.Close()
		return nil, api.Errorf(api.CodeTryLater, "wait for the other one", "restoring: another restore works in %s", dir)
	}
	if err := errors.Join(clearFolder(filepath.Join(dir, growing)), clearFolder(dir)); err != nil {
		f.Close()
		return nil, fmt.Errorf("restoring: clearing what an earlier try left: %w", err)
	}
	return f, nil
}

// clearFolder removes all that is in a folder but its mark. It follows no link.
func clearFolder(dir string) error {
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return nil
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != unfinished {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// file writes one file of the directory, and syncs it.
func (w *Work) file(path string, text []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = WriteNew(path, text)
	}
	if err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	return nil
}

// finish moves the directory to its place.
func (w *Work) finish() error {
	for _, step := range w.moving() {
		if err := step(); err != nil {
			return fmt.Errorf("restoring: %w", err)
		}
	}
	w.Abandon() // of the folder: the directory is not in it any more
	return nil
}

// moving are the steps of finish. Whoever is killed after any of them leaves the directory in its
// place, whole, or in the folder, which the next try clears.
func (w *Work) moving() []func() error {
	sync := func(dir string) func() error { return func() error { return SyncDir(dir) } }
	return []func() error{
		sync(w.path(MailDir)), sync(w.path(KeysDir)),
		func() error { return os.Remove(w.path(unfinished)) }, sync(w.path("")),
		func() error {
			err := os.Rename(w.path(""), w.target)
			w.empty = w.empty && err != nil
			return err
		},
		sync(filepath.Dir(w.target)), sync(w.dir),
	}
}

// Abandon makes it as it was before Begin, unless it is finished.
func (w *Work) Abandon() {
	if w.lock == nil {
		return
	}
	for _, step := range w.tidying() {
		if step() != nil {
			break // the mark stays with what is left: the next try takes it over
		}
	}
	if w.empty {
		os.Mkdir(w.target, 0o700)
	}
	w.lock.Close()
	w.lock = nil
}

// tidying are the steps that remove the folder. Its mark goes last.
func (w *Work) tidying() []func() error {
	return []func() error{
		func() error { return clearFolder(w.path("")) },
		func() error { return clearFolder(w.dir) },
		func() error { return SyncDir(w.dir) },
		func() error { return os.Remove(filepath.Join(w.dir, unfinished)) },
		func() error { return os.Remove(w.dir) },
	}
}
