package intact

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
)

// Collectable returns what has to say nil before Badger rewrites a value log of the database in
// dir, which may be open, to give room back. It reads those of which at least the given share is
// unused, each once. A *Fault means that one is damaged: of such a log Badger would take over what
// is before the damage, and remove all that is behind it.
func Collectable(dir string, share float64) (check func() error) {
	files := os.DirFS(dir)
	whole := make(map[uint64]bool)
	return func() error {
		unused, err := fs.ReadFile(files, "DISCARD") // number of a log u64, octets u64, up to a number of 0
		if err != nil {
			return err
		}
		for ; len(unused) >= 16; unused = unused[16:] {
			id, octets := binary.BigEndian.Uint64(unused), binary.BigEndian.Uint64(unused[8:])
			if id == 0 {
				break
			}
			if whole[id] {
				continue
			}
			f, err := open(files, logName(id))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			} else if err != nil {
				return err
			}
			if float64(octets) >= share*float64(f.size) {
				err = sound(f)
				whole[id] = err == nil
			}
			if err := errors.Join(err, f.close()); err != nil {
				return err
			}
		}
		return nil
	}
}

// Suspect notes of a database that is open that all of it is to be read before it is opened next.
func Suspect(dir string) error {
	n := readNote(os.DirFS(dir))
	n.Suspect = true
	return n.write(dir)
}

// sound holds that a value log has nothing but whole entries.
func sound(f *file) error {
	w, err := walk(f, f.size, nil)
	if err != nil {
		return err
	}
	last, err := lastWritten(f, w.end)
	if err == nil && last != w.end {
		err = f.at(w.stop, "is damaged")
	}
	return err
}
