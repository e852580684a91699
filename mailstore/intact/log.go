package intact

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"strconv"
)

const (
	logHeader  = 20       // a key's number, which is 0 without encryption, and what is random
	headerRoom = 22       // the longest header of an entry
	maxHeld    = 64 << 10 // of a value that is held; what is longer goes by its checksum alone
	page       = 4 << 10  // what a disk or the kernel may lose as a whole
	window     = 32 << 20 // in which entries are looked for behind one that is damaged
	effort     = 1 << 30  // bytes summed up in that
)

// walked is how far the entries of a log are sound.
type walked struct {
	end  int64  // of the last whole transaction: there Badger cuts
	stop int64  // where no sound entry begins, or one that does not belong there
	txn  uint64 // the version of the transaction that is open there; 0: none
}

// walk reads a log (.mem or .vlog) of size octets, entry by entry, up to limit, and calls fn for
// each that is sound.
func walk(f *file, limit int64, fn func(e entry, at extent) error) (walked, error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f, logHeader, max(0, limit-logHeader)), 256<<10)
	w := walked{end: logHeader, stop: logHeader}
	held := make([]byte, 0, maxHeld)
	for {
		e, size, err := readEntry(r, limit-w.stop, &held)
		if err == errUnsound {
			return w, nil
		} else if err != nil {
			return w, err
		}
		switch {
		case e.meta&metaTxn != 0:
			if w.txn != 0 && w.txn != e.version {
				return w, nil
			}
			w.txn = e.version
		case e.meta&metaFin != 0:
			if n, err := strconv.ParseUint(string(e.value), 10, 64); err != nil || n != w.txn {
				return w, nil
			}
			w.txn = 0
		case w.txn != 0:
			return w, nil
		}
		if fn != nil {
			if err := fn(e, extent{w.stop, size}); err != nil {
				return w, err
			}
		}
		if w.stop += size; w.txn == 0 {
			w.end = w.stop
		}
	}
}

var errUnsound = errors.New("no sound entry")

// entryHeader is what an entry of a log begins with.
type entryHeader struct {
	meta     byte
	key      int64 // length
	value    int64 // length
	size     int64 // of the header
	complete int64 // size of the entry
}

// readHeader reads a header from octets of which there are headerRoom, unless the log ends before.
// It is not ok if no header begins so.
func readHeader(b []byte) (h entryHeader, ok bool) {
	if len(b) < 5 {
		return h, false
	}
	h.meta, h.size = b[0], 2
	var v [3]uint64
	for i := range v {
		number, n := binary.Uvarint(b[h.size:])
		if n <= 0 || i < 2 && number > math.MaxUint32 {
			return h, false
		}
		v[i] = number
		h.size += int64(n)
	}
	h.key, h.value = int64(v[0]), int64(v[1])
	h.complete = h.size + h.key + h.value + crc32.Size
	return h, h.key >= 8 && h.key <= 1<<16
}

// readEntry reads an entry of room octets at the most. It gives errUnsound if none is there;
// e.value is nil if it is long.
func readEntry(r *bufio.Reader, room int64, held *[]byte) (e entry, size int64, err error) {
	b, err := r.Peek(int(min(headerRoom, max(0, room))))
	if err != nil && err != io.EOF {
		return e, 0, err
	}
	h, ok := readHeader(b)
	if !ok || h.complete > room {
		return e, 0, errUnsound
	}
	crc := crc32.New(castagnoli)
	crc.Write(b[:h.size])
	r.Discard(int(h.size))
	n := h.key
	if h.value <= maxHeld {
		n += h.value
	}
	*held = append((*held)[:0], make([]byte, n)...)
	if _, err = io.ReadFull(r, *held); err != nil {
		return e, 0, err
	}
	crc.Write(*held)
	if n == h.key && h.value > 0 {
		if _, err = io.CopyN(crc, r, h.value); err != nil {
			return e, 0, err
		}
	}
	var want [crc32.Size]byte
	if _, err = io.ReadFull(r, want[:]); err != nil {
		return e, 0, err
	}
	e = entry{meta: h.meta, value: (*held)[h.key:]}
	if binary.BigEndian.Uint32(want[:]) != crc.Sum32() || !e.setKey((*held)[:h.key]) {
		return e, 0, errUnsound
	}
	return e, h.complete, nil
}

// logKind is what decides how the end of a log is taken.
type logKind struct {
	newest bool // nothing was written to a later one
	each   Values
	memory bool  // a .mem, of which Badger has nothing else
	full   int64 // the size in bytes that a file which is written to has; 0 if that is not known
}

// lookAtLog reads a log and gives the end of its sound part, and of what was written. What is
// behind the sound part must be zeros, or what a crash left of the last write, or values that
// concern nobody else.
func lookAtLog(f *file, k logKind) (end, written int64, err error) {
	head, err := f.read(0, min(logHeader, f.size))
	if err != nil {
		return 0, 0, err
	}
	switch {
	case len(head) < logHeader:
		return 0, 0, f.whole("is cut short: it has %d octets", f.size)
	case binary.BigEndian.Uint64(head) != 0:
		return 0, 0, f.at(0, "does not begin as a log without encryption")
	}
	w, err := walk(f, f.size, nil)
	if err != nil {
		return 0, 0, err
	}
	last, err := lastWritten(f, w.end)
	if err != nil || last == w.end {
		return w.end, last, err
	}
	if !k.newest && k.each == AllValues {
		return 0, 0, f.at(w.stop, "is damaged, and later ones were written")
	}
	if !k.memory { // what is behind was not synced, unless something points there: that is judged
		return w.end, last, nil
	}
	if one, err := oneTransaction(f, w, last); err != nil || !one {
		return 0, 0, errors.Join(err, f.at(w.stop, "is damaged, and sound entries follow"))
	}
	return w.end, last, torn(f, w, last, k)
}

// lastWritten is the end of the last octet from an offset on that is not zero.
func lastWritten(f *file, from int64) (int64, error) {
	last := from
	b, zeros := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := from; at < f.size; at += int64(len(b)) {
		data, ok := nextData(f.ReaderAt, at) // most of a log is preallocated
		if at = data; !ok || at >= f.size {
			break
		}
		n, err := f.ReadAt(b[:min(int64(len(b)), f.size-at)], at)
		if err != nil && err != io.EOF {
			return 0, err
		}
		if !bytes.Equal(b[:n], zeros[:n]) {
			last = at + int64(len(bytes.TrimRight(b[:n], "\x00")))
		}
	}
	return last, nil
}

// maxHoles is how many pages may be lost of one transaction.
const maxHoles = 64

// oneTransaction reports whether the sound entries behind those that were walked are all of one
// transaction, the one that is open there if one is: each is synced before the next is written, so
// that a power cut loses pages of the last one only.
func oneTransaction(f *file, w walked, last int64) (bool, error) {
	at := w.stop
	for range maxHoles {
		next, err := nextSound(f, at, last)
		if err != nil || next < 0 {
			return err == nil, err
		}
		r := bufio.NewReaderSize(io.NewSectionReader(f, next, f.size-next), 64<<10)
		var held []byte
		for at = next; ; {
			e, size, err := readEntry(r, f.size-at, &held)
			if err == errUnsound {
				break
			} else if err != nil {
				return false, err
			}
			if w.txn == 0 {
				w.txn = e.version
			}
			if e.version != w.txn {
				return false, nil
			}
			at += size
		}
	}
	return false, nil
}

func entrySound(b []byte) bool {
	n := len(b) - crc32.Size
	return sum(b[:n]) == binary.BigEndian.Uint32(b[n:])
}

// torn holds that what is behind the sound part of a memory log can be what a write left that was
// interrupted: it ends early, or a page of it was never written. Octets that are there as a whole
// and wrong are damage, and so is a file that ends where it was not to.
func torn(f *file, w walked, last int64, k logKind) error {
	if f.size < k.full {
		return f.at(f.size, "is cut short")
	}
	if w.stop >= last { // the end of a transaction was not written
		return nil
	}
	b, err := f.read(w.stop, min(headerRoom, f.size-w.stop))
	if err != nil {
		return err
	}
	h, ok := readHeader(b)
	switch {
	case last <= w.stop+headerRoom: // not even all of a header
		return nil
	case !ok && h.key != 0:
		lost, err := lostPage(f, w.stop, w.stop+headerRoom)
		if err == nil && !lost {
			err = f.at(w.stop, "has an entry whose key has a length of %d octets", h.key)
		}
		return err
	case !ok || w.stop+h.complete > last+crc32.Size-1:
		return nil
	}
	lost, err := lostPage(f, w.stop, w.stop+h.complete)
	if err == nil && !lost {
		err = f.at(w.stop, "has an entry with a wrong checksum")
	}
	return err
}

// lostPage reports whether a page, as far as it is between two offsets, is all zeros.
func lostPage(f *file, from, to int64) (bool, error) {
	for at := from; at < to; {
		next := min(to, (at/page+1)*page)
		b, err := f.read(at, min(next, f.size)-at)
		if err != nil || len(bytes.Trim(b, "\x00")) == 0 {
			return true, err
		}
		at = next
	}
	return false, nil
}
