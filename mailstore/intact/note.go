package intact

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// NoteName is the file in a database's folder that says how it was left. It may be deleted: then all is read at the next start.
const NoteName = "CAIRN-STATE"

// newLogName is that of a value log that is being made, see cover.
const newLogName = "CAIRN-VLOG.new"

// lockName is a file that Badger has in the folder while it is open.
const lockName = "LOCK"

// noteVersion: a note of another one counts as none.
const noteVersion = 1

// States of a database, in their order.
const (
	stateOpening = "opening" // looked at, and given to Badger
	stateOpen    = "open"    // Badger has opened it
	stateClosing = "closing" // being closed: the last .mem may be gone
	stateClosed  = "closed"  // closed without error
)

// note is what NoteName holds, as JSON.
type note struct {
	Version   int          `json:"version"`
	State     string       `json:"state"`
	MemLog    int64        `json:"mem_log,omitempty"`    // Shape.MemLog, while open
	FirstFull uint64       `json:"first_full,omitempty"` // Shape.FirstFull, while open
	Suspect   bool         `json:"suspect,omitempty"`    // never to be closed: something in it was seen to be damaged
	Files     []fileRecord `json:"files,omitempty"`      // when closed: all but the note and DISCARD, by name
}

// fileRecord is a file as it was when the database was closed.
type fileRecord struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Sum  uint32 `json:"crc32c,omitempty"` // of MANIFEST
}

// readNote gives an empty note if there is none that can be read.
func readNote(dir fs.FS) (n note) {
	b, err := fs.ReadFile(dir, NoteName)
	if err != nil || json.Unmarshal(b, &n) != nil || n.Version != noteVersion {
		return note{}
	}
	return n
}

// records lists the files of a folder.
func records(dir fs.FS) (list []fileRecord, err error) {
	entries, err := fs.ReadDir(dir, ".")
	for _, e := range entries {
		if name := e.Name(); name == NoteName || name == NoteName+".new" || name == newLogName || name == "DISCARD" || name == lockName || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		r := fileRecord{Name: e.Name(), Size: info.Size()}
		if r.Name == manifestName {
			b, err := fs.ReadFile(dir, r.Name)
			if err != nil {
				return nil, err
			}
			r.Sum = sum(b)
		}
		list = append(list, r)
	}
	return list, err
}

// differs names the first file that is not as it was noted, "" if none.
func (n note) differs(now []fileRecord) string {
	was := map[string]fileRecord{}
	for _, r := range n.Files {
		was[r.Name] = r
	}
	for _, r := range now {
		if was[r.Name] != r {
			return r.Name
		}
		delete(was, r.Name)
	}
	for name := range was {
		return name
	}
	return ""
}

// write puts a note in place of the one before, so that after a crash it is one of the two, and whole.
func (n note) write(dir string) error {
	n.Version = noteVersion
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, NoteName)
	if err := writeSynced(path+".new", append(b, '\n')); err != nil {
		return fmt.Errorf("noting the state of a database: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("noting the state of a database: %w", err)
	}
	return syncDir(dir)
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Before looks at the database in dir by what its note says, and by nothing at all if there is none. It changes nothing.
func Before(dir string) error {
	files := os.DirFS(dir)
	s, asClosed, err := left(files)
	if err != nil {
		return err
	}
	if asClosed {
		return LookQuickly(files)
	}
	return Look(files, s)
}

// left is what the note says of how the database was left, and whether all is as it was when it was closed.
func left(files fs.FS) (s Shape, asClosed bool, err error) {
	n := readNote(files)
	switch n.State {
	case stateClosed: // else an older program may have run since
		now, err := records(files)
		return Shape{}, err == nil && n.differs(now) == "", err
	case stateOpen:
		if _, err := fs.Stat(files, lockName); errors.Is(err, fs.ErrNotExist) {
			n.FirstFull = 0 // Badger removes it when it has closed, after the last .mem
		}
	default:
		n.FirstFull = 0
	}
	return Shape{MemLog: n.MemLog, FirstFull: n.FirstFull}, false, nil
}

// Whole reads all files of the database in dir, which must be there, however it was left. It changes nothing, and does nothing
// if another process has the database open: then it is not free.
func Whole(dir string) (free bool, err error) {
	return locked(dir, func() error {
		files := os.DirFS(dir)
		s, _, err := left(files)
		if err != nil {
			return err
		}
		return Look(files, s)
	})
}

// DB is a database that is open, as Badger's.
type DB interface{ io.Closer }

// Open looks at the database in dir, opens it, and notes that it is open. A Fault of the look means that nothing was changed;
// one that is found when Badger has failed does not. What Badger panics with on
// this goroutine becomes an error. memTable is Options.MemTableSize in bytes. A folder that another process has locked is left to Badger,
// which says so.
func Open[D DB](dir string, memTable int64, opening func() (D, error)) (db D, err error) {
	free, err := locked(dir, func() error {
		if err := Before(dir); err != nil {
			return err
		}
		if err := tidy(dir); err != nil {
			return err
		}
		if _, asClosed, err := left(os.DirFS(dir)); err != nil {
			return err
		} else if asClosed {
			if err := cover(dir); err != nil {
				return err
			}
		}
		return note{State: stateOpening, MemLog: 2 * memTable}.write(dir)
	})
	if err != nil {
		return db, err
	}
	if db, err = guarded(opening); err != nil && free {
		return db, explained(dir, err)
	} else if err != nil || !free {
		return db, err
	}
	n := note{State: stateOpen, MemLog: 2 * memTable}
	if n.FirstFull, err = lastMem(dir); err == nil {
		err = n.write(dir)
	}
	if err != nil {
		var none D
		return none, errors.Join(err, db.Close())
	}
	return db, nil
}

// explained gives the damage for which Badger may not have opened a database of which not all was read, else err.
func explained(dir string, err error) error {
	_, lookErr := locked(dir, func() error { return Look(os.DirFS(dir), Shape{}) })
	if !IsFault(err) && IsFault(lookErr) {
		return lookErr
	}
	return err
}

// guarded turns a panic into an error.
func guarded[D DB](opening func() (D, error)) (db D, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Fault{File: "the database", Offset: -1, What: fmt.Sprintf("made Badger panic: %.200v", p)}
		}
	}()
	return opening()
}

// tidy removes logs that were being made or removed when a process was killed, and the last record of a MANIFEST of which a power cut
// lost a page: with these Badger does not open.
func tidy(dir string) error {
	l, err := begin(os.DirFS(dir))
	if err != nil {
		return err
	}
	if l == nil {
		l = &look{dir: os.DirFS(dir), tables: map[uint64]bool{}}
		if _, err := l.list(); err != nil {
			return err
		}
	}
	for _, name := range l.blank {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if l.manifest != nil && l.torn {
		return os.Truncate(filepath.Join(dir, manifestName), l.end)
	}
	return nil
}

// cover puts an empty value log behind the newest one of a database that was closed. Badger cuts the newest at the first entry that is not
// sound, as after a crash: of one octet that flipped since, all that was stored later would be lost. Behind an empty one it stays as it is,
// and one value of it cannot be read.
func cover(dir string) error {
	l := &look{dir: os.DirFS(dir), tables: map[uint64]bool{}}
	if _, err := l.list(); err != nil || len(l.logs) == 0 {
		return err
	}
	newest := l.logs[len(l.logs)-1]
	if info, err := os.Stat(filepath.Join(dir, logName(newest))); err != nil || info.Size() <= logHeader {
		return err
	}
	head := make([]byte, logHeader) // no key, and what is random
	_, _ = rand.Read(head[8:])
	path := filepath.Join(dir, logName(newest+1))
	if err := writeSynced(filepath.Join(dir, newLogName), head); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, newLogName), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// lastMem is the highest id of a memory log.
func lastMem(dir string) (uint64, error) {
	l := &look{dir: os.DirFS(dir), tables: map[uint64]bool{}}
	if _, err := l.list(); err != nil || len(l.mems) == 0 {
		return 0, err
	}
	return l.mems[len(l.mems)-1], nil
}

// Close closes a database that Open opened, and notes how it is now, so that the next start need not read all of it.
func Close(dir string, db DB) error {
	n := readNote(os.DirFS(dir))
	n.State = stateClosing
	noted := n.write(dir) // without it the note says open, and no .mem would be taken for a loss
	if err := db.Close(); err != nil || noted != nil || n.Suspect {
		return errors.Join(err, noted)
	}
	_, err := locked(dir, func() (err error) {
		n := note{State: stateClosed}
		if n.Files, err = records(os.DirFS(dir)); err != nil {
			return err
		}
		return n.write(dir)
	})
	return err
}
