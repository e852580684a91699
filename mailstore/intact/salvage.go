package intact

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Place is where an entry is that [Salvage] found.
type Place struct {
	File         string
	offset, size int64 // of a log's entry, or of the block of a table
	number       int   // in the block
}

// Found is an entry as it stands in one file. Others of the same key may stand elsewhere, and it
// may have been deleted since. Key and Value are valid only during the call.
type Found struct {
	Key, Value []byte
	Place      Place
}

// Salvage calls fn for each entry in the files of a damaged database whose checksum is right,
// whatever the rest is like, and whatever the MANIFEST says. Values that stand in a value log come
// with the entry there. It gives the files of which something could not be read, also where the
// disk does not give it, and the error of fn, of listing the folder, or of a file that another try
// may open.
func Salvage(dir fs.FS, fn func(Found) error) (damaged []string, err error) {
	entries, err := fs.ReadDir(dir, ".")
	for _, e := range entries {
		each, name := eachSound, e.Name()
		switch filepath.Ext(name) {
		case ".sst":
			each = eachBlock
		case ".mem", ".vlog":
		default:
			continue
		}
		f, err := open(dir, name)
		if refused(err) {
			return damaged, err
		} else if err != nil {
			damaged = append(damaged, name)
			continue
		}
		past := &pastHoles{ReaderAt: f.ReaderAt}
		f.ReaderAt = past
		var stop error
		whole, err := each(f, func(e Found) error {
			stop = fn(e)
			return stop
		})
		f.close() // it was only read
		if stop != nil {
			return damaged, stop
		}
		if err != nil || !whole || past.lost > 0 {
			damaged = append(damaged, name)
		}
	}
	return damaged, err
}

// refused tells what keeps a file from being opened and is no damage of it.
func refused(err error) bool {
	for _, is := range []error{fs.ErrPermission, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

const (
	sector  = 4096 // octets that are taken for lost together
	maxLost = 1024 // sectors of one file: a disk may take seconds for each
)

// pastHoles reads zeros where the disk gives nothing, so that what is there is found beside it.
type pastHoles struct {
	io.ReaderAt
	lost int // sectors, each time they were tried
}

// ReadAt fails only at the end of the file, or when too much is lost.
func (p *pastHoles) ReadAt(b []byte, at int64) (n int, err error) {
	n, err = p.ReaderAt.ReadAt(b, at)
	if err == nil || err == io.EOF {
		return n, err
	}
	for n = 0; n < len(b); {
		part := b[n:min(len(b), n+int(sector-(at+int64(n))%sector))]
		got, err := p.ReaderAt.ReadAt(part, at+int64(n))
		if err == io.EOF {
			return n + got, err
		}
		if err != nil {
			if p.lost++; p.lost > maxLost {
				return n, err
			}
			clear(part)
		}
		n += len(part)
	}
	return n, nil
}

// Again reads the value of an entry that [Salvage] found. It belongs to the caller. What the disk
// does not give any more is a [Fault].
func Again(dir fs.FS, p Place) (value []byte, err error) {
	defer func() {
		if err != nil && !refused(err) && !IsFault(err) {
			err = faults(p.File).at(p.offset, "cannot be read any more: %v", err)
		}
	}()
	f, err := open(dir, p.File)
	if err != nil {
		return nil, err
	}
	defer f.close()
	if filepath.Ext(p.File) != ".sst" {
		_, value, err = f.logEntry(extent{p.offset, p.size})
		return value, err
	}
	b, ok := f.block(extent{p.offset, p.size})
	if !ok {
		return nil, f.at(p.offset, "has changed while it was read")
	}
	n := 0
	err = b.each(func(e entry) error {
		if n++; n-1 == p.number {
			value = append([]byte{}, e.value...)
		}
		return nil
	})
	return value, err
}

// eachBlock calls fn for the entries in the sound blocks of a table.
func eachBlock(f *file, fn func(Found) error) (whole bool, err error) {
	var blocks []extent
	t, err := openTable(f, compressionUnknown)
	if whole = !IsFault(err); whole && err == nil {
		blocks = t.blocks
	} else if !whole {
		blocks, err = unindexed(f)
	}
	if err != nil {
		return false, err
	}
	for _, at := range blocks {
		b, ok := f.block(at)
		if !ok {
			whole = false
			continue
		}
		n := 0
		err := b.each(func(e entry) error {
			n++
			if e.meta&metaPointer != 0 {
				return nil
			}
			return fn(Found{e.key, e.value, Place{string(f.faults), at.offset, at.size, n - 1}})
		})
		if err == errWire {
			whole = false
		} else if err != nil {
			return false, err
		}
	}
	return whole, nil
}

// block reads a block of a table whose compression is not known; not ok if it is not sound.
func (f *file) block(at extent) (b block, ok bool) {
	data, err := f.read(at.offset, at.size)
	if err != nil {
		return b, false
	}
	if b, ok = blockEntries(data); ok {
		return b, true
	}
	if data, err = unsnap(data, maxBlock); err != nil {
		return b, false
	}
	return blockEntries(data)
}

// eachSound calls fn for the sound entries of a log, also behind what is damaged.
func eachSound(f *file, fn func(Found) error) (whole bool, err error) {
	last, err := lastWritten(f, min(logHeader, f.size))
	if err != nil {
		return false, err
	}
	whole = true
	var held []byte
	for at := int64(logHeader); at < last; {
		r := bufio.NewReaderSize(io.NewSectionReader(f, at, f.size-at), 256<<10)
		for {
			e, size, err := readEntry(r, f.size-at, &held)
			if err == errUnsound {
				break
			} else if err != nil {
				return false, err
			}
			if err := f.give(e, extent{at, size}, fn); err != nil {
				return false, err
			}
			at += size
		}
		if at >= last {
			break
		}
		whole = false
		next, err := nextSound(f, at+1, last)
		if err != nil || next < 0 {
			return false, err
		}
		at = next
	}
	return whole, nil
}

// give calls fn for an entry of a log, with its whole value, unless it has none.
func (f *file) give(e entry, at extent, fn func(Found) error) (err error) {
	if e.meta&(metaPointer|metaFin) != 0 {
		return nil
	}
	key, value := e.key, e.value
	if at.size > maxHeld {
		if key, value, err = f.logEntry(at); err != nil {
			return err
		}
	}
	return fn(Found{key, value, Place{File: string(f.faults), offset: at.offset, size: at.size}})
}

// logEntry reads an entry that is known to be in a log.
func (f *file) logEntry(at extent) (key, value []byte, err error) {
	b, err := f.read(at.offset, at.size)
	if err != nil {
		return nil, nil, err
	}
	h, ok := readHeader(b)
	if !ok || h.complete != at.size || !entrySound(b) {
		return nil, nil, f.at(at.offset, "has changed while it was read")
	}
	b = b[h.size:]
	return b[:h.key-8], b[h.key : h.key+h.value], nil
}

// nextSound is where the next sound entry begins at or behind an offset, -1 if there is none in the
// window.
func nextSound(f *file, at, end int64) (int64, error) {
	b, err := f.read(at, min(window, max(0, end+4-at), max(0, f.size-at)))
	if err != nil {
		return -1, err
	}
	for i, left := 0, int64(effort); i+headerRoom < len(b) && left > 0; i++ {
		h, ok := readHeader(b[i : i+headerRoom])
		if !ok || h.value > math.MaxUint32 || h.complete > int64(len(b)-i) {
			continue
		}
		left -= h.complete
		if entrySound(b[i : int64(i)+h.complete]) {
			return at + int64(i), nil
		}
	}
	return -1, nil
}

// Clear removes the files of the database in a folder, and the note about it. The folder stays,
// with what else is in it. It must not be open.
func Clear(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !isDatabaseFile(e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// Empty reports whether a folder has no files of a database, whatever else lies in it.
func Empty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	return err == nil && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return isDatabaseFile(e.Name()) }), err
}

func isDatabaseFile(name string) bool {
	switch name {
	case manifestName, "MANIFEST-REWRITE", "KEYREGISTRY", "REWRITE-KEYREGISTRY", "DISCARD", lockName, NoteName, NoteName + ".new", newLogName:
		return true
	}
	ext := filepath.Ext(name)
	return strings.TrimSuffix(name, ext) != "" && (ext == ".sst" || ext == ".mem" || ext == ".vlog")
}
