package mailstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"cairn/mailstore/intact"
)

// Restoration is the note in a store that was made from a backup: whatever happened between Made
// and At may be missing in it, also what was signed and sent. The last one counts.
type Restoration struct {
	Made time.Time // when the backup was made
	At   time.Time // when it was restored
}

// restoreGroup bounds the bytes that are restored in one transaction.
const restoreGroup = 8 << 20

// Restore makes a store in dir, which must be empty or missing, of what [Reader.Dump] wrote, and
// notes that in it. The store gets an identity of its own, so that followers start over. All is on
// the disk when it returns; after an error dir holds no store that could be used.
func Restore(dir string, dump io.Reader, note Restoration, log *slog.Logger) (DumpStats, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return DumpStats{}, fmt.Errorf("mailstore: %w", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return DumpStats{}, errors.Join(err, fmt.Errorf("mailstore: %s is not empty", dir))
	}
	dblog := newDatabaseLog(log)
	db, err := openDatabase(dir, dblog)
	if err != nil {
		return DumpStats{}, err
	}
	s := &Store{db: db, dblog: dblog, log: log, dir: dir, reserve: diskReserve}
	stats, err := s.restore(dump, note)
	return stats, errors.Join(err, intact.Close(dir, db, roomToClose(dir)))
}

// restore writes the entries in groups. The format comes last: a store without it is new, and would
// be given another.
func (s *Store) restore(dump io.Reader, note Restoration) (DumpStats, error) {
	group := newOverlay(nil)
	var format uint32
	stats, err := readDump(dump, func(key, value []byte) (err error) {
		switch {
		case bytes.Equal(key, metaVersion):
			format, err = dumpedFormat(value)
			return err
		case bytes.Equal(key, metaStoreID):
			return nil
		}
		own := newOverlay(nil)
		own.set(string(key), write{value: value})
		if group.bytes+own.bytes > restoreGroup || !s.fit(group, own) {
			if err := s.write(group); err != nil {
				return err
			}
			group = newOverlay(nil)
		}
		group.absorb(own)
		return nil
	})
	if err == nil {
		err = s.write(group)
	}
	if err != nil {
		return stats, err
	}
	// Values without checksums are the same in formats 1 and 2, and get theirs as they are written.
	// A store of an earlier format than ours is brought up to it when it is opened.
	last := newOverlay(nil)
	last.set(string(metaRestored), write{value: encodeRestoration(note)})
	foundStore(last, newStoreID(), max(format, 2))
	return stats, s.write(last)
}

func encodeRestoration(n Restoration) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(n.Made.UnixMilli()))
	return binary.BigEndian.AppendUint64(b, uint64(n.At.UnixMilli()))
}

// Restored tells whether the store was made from a backup, and when; times are in UTC, whole
// milliseconds.
func (r *Reader) Restored() (note Restoration, restored bool, err error) {
	b, err := r.src.get(metaRestored)
	if errors.Is(err, ErrNotFound) {
		return note, false, nil
	}
	if err == nil && len(b) != 16 {
		err = fmt.Errorf("mailstore: the note of its restoration has %d bytes, not 16", len(b))
	}
	if err != nil {
		return note, false, err
	}
	note.Made = time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC()
	note.At = time.UnixMilli(int64(binary.BigEndian.Uint64(b[8:]))).UTC()
	return note, true, nil
}
