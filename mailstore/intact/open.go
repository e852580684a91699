package intact

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// newLogName is that of a value log that is being made, see cover.
const newLogName = "CAIRN-VLOG.new"

// Before looks at the database in dir by what its note says, and by nothing at all if there is
// none. It changes nothing.
func Before(dir string, v Values) error {
	_, err := before(dir, v)
	return err
}

// before is Before. cut reports whether Badger may cut values off that are to stay, see cover.
func before(dir string, v Values) (cut bool, err error) {
	files := os.DirFS(dir)
	s, asClosed, err := left(files)
	if err != nil {
		return false, err
	}
	if asClosed {
		return true, LookQuickly(files)
	}
	s.Values = v
	return lookAt(files, s)
}

// left is what the note says of how the database was left, and whether all is as it was when it was
// closed.
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

// Whole reads all files of the database in dir, which must be there, however it was left. It
// changes nothing, and does nothing if another process has the database open: then it is not free.
func Whole(dir string, v Values) (free bool, err error) {
	return locked(dir, func() error {
		files := os.DirFS(dir)
		s, _, err := left(files)
		if err != nil {
			return err
		}
		s.Values = v
		return Look(files, s)
	})
}

// DB is a database that is open, as Badger's.
type DB interface{ io.Closer }

// Open looks at the database in dir, opens it, and notes that it is open. A Fault of the look means
// that nothing was changed; one that is found when Badger has failed does not. What Badger panics
// with on this goroutine becomes an error. memTable is Options.MemTableSize in bytes. A folder that
// another process has locked is left to Badger, which says so.
func Open[D DB](dir string, v Values, memTable int64, opening func() (D, error)) (db D, err error) {
	free, err := locked(dir, func() error {
		cut, err := before(dir, v)
		if err != nil {
			return err
		}
		if err := tidy(dir); err != nil {
			return err
		}
		if cut {
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

// maxMemTable is more than any version has as Options.MemTableSize. A note that says more is wrong.
const maxMemTable = 64 << 20

// MemTable is Options.MemTableSize in bytes for the database in dir: usual, or where it was not
// closed that of who wrote its memory logs, if it is more. Badger reads each log into a memtable of
// that size, and ends the process if it does not fit. former is the largest of versions that made
// no note.
func MemTable(dir string, usual, former int64) int64 {
	if last, err := lastMem(dir); err == nil && last == 0 {
		return usual
	}
	size := readNote(os.DirFS(dir)).MemLog / 2
	if size <= 0 || size > maxMemTable {
		size = former
	}
	return max(usual, size)
}

// explained gives the damage for which Badger may not have opened a database of which not all was
// read, else err.
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
			err = &Fault{File: "the database", Offset: -1, What: fmt.Sprintf("cannot be opened for what is in it: %.200v", p)}
		}
	}()
	return opening()
}

// tidy removes logs that were being made or removed when a process was killed, and the last record
// of a MANIFEST of which a power cut lost a page: with these Badger does not open.
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

// cover puts an empty value log behind the newest one of a database that was closed, or that has
// values behind one that is damaged. Badger cuts the newest at the first entry that is not sound,
// as after a crash: of one octet that flipped, all that was stored later would be lost. Behind an
// empty one it stays as it is, and one value of it cannot be read.
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

// Close closes a database that Open opened, and notes how it is now, so that the next start need
// not read all of it. Where room is an error nothing is done: closing writes, and without room for
// that the process would end by a signal. The next start, after the end of the process, reads all
// of it then.
func Close(dir string, db DB, room error) error {
	if room != nil {
		return room
	}
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
