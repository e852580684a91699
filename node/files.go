package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/node/home"
)

// Files in a node's directory; package home says what they are.
const (
	ConfigFile  = home.ConfigFile
	keysDir     = home.KeysDir
	networkFile = home.NetworkFile
	enrolFile   = home.EnrolFile
	pinsFile    = home.PinsFile
	peersFile   = home.PeersFile
	knownFile   = home.KnownFile
)

var (
	// ErrNotInitialised: the directory holds no node yet.
	ErrNotInitialised = errors.New("it has no " + ConfigFile)

	// ErrExists: something is there that must not be overwritten.
	ErrExists = errors.New("it is never overwritten")

	// ErrNotMember: the node belongs to no network yet.
	ErrNotMember = errors.New("it has joined no network yet")
)

// lost is the error of a file that a node cannot do without or make again.
func lost(path string) error {
	return api.Errorf(api.CodeNotFound, home.Cure(inDirectory(path)), "%s is lost", path)
}

// spoilt is the error of such a file that says nothing: it is damaged, or of a later version.
func spoilt(path string, err error) error {
	return api.Errorf(api.CodeInvalid, home.CureDamaged(inDirectory(path)), "%s is damaged: %v", path, plain(err))
}

// inDirectory names a file as Cure does, if it is a key; others are in each backup.
func inDirectory(path string) string {
	return filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path)
}

// plain is a broken rule in its words for people, without its code for programs.
func plain(err error) string {
	if rule, ok := errors.AsType[*consensus.RuleError](err); ok {
		return rule.Detail
	}
	return err.Error()
}

func fileExists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// replaceFile writes a file anew, so that after a crash it is as before or whole.
func replaceFile(path string, data []byte) error {
	next, err := writeNext(path, data)
	if err != nil {
		return err
	}
	return putInPlace(next, path)
}

// writeNext writes what is to replace a file beside it.
func writeNext(path string, data []byte) (next string, err error) {
	next = path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) { // of one that was interrupted
		return "", err
	}
	return next, home.WriteNew(next, data)
}

func putInPlace(next, path string) error {
	if err := os.Rename(next, path); err != nil {
		return err
	}
	return home.SyncDir(filepath.Dir(path))
}

// stage collects files in a folder of their own inside dir and moves them to
// their places when all are on disk, so that an interruption leaves nothing
// half written in place.
type stage struct {
	dir, tmp string
	names    []string
}

const stagePrefix = "new-"

func newStage(dir string) (*stage, error) {
	tmp, err := os.MkdirTemp(dir, stagePrefix)
	return &stage{dir: dir, tmp: tmp}, err
}

// writable fails when files cannot be made in dir, which is better known
// before a work of minutes than after it.
func writable(dir string) error {
	s, err := newStage(dir)
	if err == nil {
		s.discard()
	}
	return err
}

// isEmptyFolder tells of a folder such as a stage makes for its files, killed before it moved one.
func isEmptyFolder(path string) bool {
	entries, err := os.ReadDir(path)
	return err == nil && len(entries) == 0
}

// vacant fails when dir holds anything but what file systems have of their own
// and what is left of a stage that was killed.
func vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("making the node's directory: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		if name == keysDir && isEmptyFolder(filepath.Join(dir, name)) {
			continue
		}
		if name != "lost+found" && !strings.HasPrefix(name, stagePrefix) {
			return fmt.Errorf("making the node: %s is not empty, it holds %s: %w", dir, name, ErrExists)
		}
	}
	return nil
}

func (s *stage) add(name string, data []byte) error {
	path := filepath.Join(s.tmp, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	s.names = append(s.names, name)
	return home.WriteNew(path, data)
}

// commit moves the files to their places in the order they were added. The
// last one is the mark that all are there, and is never replaced. Others are
// replaced only on request, as leftovers of a commit that was interrupted.
func (s *stage) commit(replace bool) error {
	for _, move := range s.moves(replace) {
		if err := move(); err != nil {
			return err
		}
	}
	return nil
}

// moves are the steps of commit. Whatever was moved is on the disk before the mark.
func (s *stage) moves(replace bool) (list []func() error) {
	for i, name := range s.names {
		mark := i == len(s.names)-1
		if mark {
			list = append(list, s.sync)
		}
		list = append(list, func() error { return s.move(name, replace && !mark) })
	}
	return append(list, s.sync)
}

// move gives one file its place. One that has it already, of a commit that was killed, stays.
func (s *stage) move(name string, replace bool) error {
	from, to := s.paths(name)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if replace {
		return os.Rename(from, to)
	}
	// A link, unlike a rename, fails when the name is taken.
	err := os.Link(from, to)
	if errors.Is(err, fs.ErrExist) && !s.moved(name) {
		return fmt.Errorf("%s is there already: %w", to, ErrExists)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// paths are where a file is staged, and its place.
func (s *stage) paths(name string) (from, to string) {
	return filepath.Join(s.tmp, name), filepath.Join(s.dir, name)
}

// moved reports whether a file is in its place, and staged still.
func (s *stage) moved(name string) bool {
	from, to := s.paths(name)
	staged, err := os.Lstat(from)
	placed, placedErr := os.Lstat(to)
	return errors.Join(err, placedErr) == nil && os.SameFile(staged, placed)
}

func (s *stage) sync() error {
	dirs := []string{s.dir}
	for _, name := range s.names {
		if dir := filepath.Dir(filepath.Join(s.dir, name)); fileExists(dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		if err := home.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// discard removes the staging folder; after commit the files live on.
func (s *stage) discard() { os.RemoveAll(s.tmp) }
