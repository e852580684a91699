// Package intact looks at the files of a Badger database before Badger opens them, and remembers
// with a note beside them whether it was closed. Badger takes much damage for what a crash leaves
// behind: it deletes tables that a MANIFEST which was cut does not name, and drops what follows a
// damaged entry of a log. Here that is told apart, and a database of which something would be lost
// is refused.
//
// It also reads what is sound in a database that was refused (Salvage), and empties the folder of
// one (Clear).
//
// It knows the files of Badger v4 (MANIFEST of version 8) without encryption, as Cairn writes them.
// It imports the standard library alone, and never holds more than some blocks, an index or a
// window of a log in memory. Beside its note it writes only before Badger opens a folder that was
// found sound: it removes logs without any octet, cuts a torn last record of the MANIFEST off, and
// puts an empty value log behind the newest of a database that was closed.
package intact

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
)

// Fault is damage of one file.
type Fault struct {
	File   string // its name in the folder
	Offset int64  // in bytes from its beginning; -1 if the file is meant as a whole
	What   string // what is wrong, as the end of a sentence that begins with the file
}

// Error is one sentence, without the folder.
func (f *Fault) Error() string {
	if f.Offset < 0 {
		return f.File + " " + f.What
	}
	return fmt.Sprintf("%s %s (at octet %d)", f.File, f.What, f.Offset)
}

// faults makes Faults of one file.
type faults string

func (f faults) whole(format string, args ...any) error { return f.at(-1, format, args...) }

func (f faults) at(offset int64, format string, args ...any) error {
	return &Fault{File: string(f), Offset: offset, What: fmt.Sprintf(format, args...)}
}

// IsFault tells damage from a file that could not be read.
func IsFault(err error) bool {
	_, ok := errors.AsType[*Fault](err)
	return ok
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// file is one that is open for reading.
type file struct {
	io.ReaderAt
	faults
	size  int64
	close func() error
}

var errNoReaderAt = errors.New("its files cannot be read at an offset")

func open(dir fs.FS, name string) (*file, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	at, ok := f.(io.ReaderAt)
	info, err := f.Stat()
	if err == nil && !ok {
		err = errNoReaderAt
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &file{ReaderAt: at, faults: faults(name), size: info.Size(), close: f.Close}, nil
}

// read gives n octets at an offset, which the caller has bounded; what reaches beyond the file is a
// fault.
func (f *file) read(offset, n int64) ([]byte, error) {
	if offset < 0 || n < 0 || offset > f.size || n > f.size-offset {
		return nil, f.at(max(offset, 0), "ends before what should be there")
	}
	b := make([]byte, n)
	if got, err := f.ReadAt(b, offset); got < len(b) {
		return nil, fmt.Errorf("reading %s: %w", string(f.faults), err)
	}
	return b, nil
}
