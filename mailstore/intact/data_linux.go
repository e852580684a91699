package intact

import (
	"errors"
	"io"
	"os"
	"syscall"
)

const seekData = 3 // SEEK_DATA of lseek(2)

// nextData is the offset of the next octet at or behind one that is not in a hole of the file; ok
// is false if only holes follow. Where the file system tells of none, all is data.
func nextData(r io.ReaderAt, from int64) (at int64, ok bool) {
	if p, ok := r.(*pastHoles); ok {
		r = p.ReaderAt
	}
	f, isFile := r.(*os.File)
	if !isFile {
		return from, true
	}
	at, err := f.Seek(from, seekData)
	if errors.Is(err, syscall.ENXIO) {
		return from, false
	} else if err != nil || at < from {
		return from, true
	}
	return at, true
}
