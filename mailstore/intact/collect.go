package intact

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
)

// Collectable reads the value logs of the database in dir, which may be open, of which at least the given share is unused: Badger rewrites
// one of them to give room back. A *Fault means that one is damaged. Of such a log Badger would take over what is before the damage, and
// remove all that is behind it.
func Collectable(dir string, share float64) error {
	files := os.DirFS(dir)
	unused, err := fs.ReadFile(files, "DISCARD") // number of a log u64, octets u64, up to a number of 0
	if err != nil {
		return err
	}
	for ; len(unused) >= 16; unused = unused[16:] {
		id, octets := binary.BigEndian.Uint64(unused), binary.BigEndian.Uint64(unused[8:])
		if id == 0 {
			break
		}
		f, err := open(files, logName(id))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		if float64(octets) >= share*float64(f.size) {
			err = sound(f)
		}
		if err := errors.Join(err, f.close()); err != nil {
			return err
		}
	}
	return nil
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
