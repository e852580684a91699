package intact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	manifestName    = "MANIFEST"
	manifestVersion = 8
	maxLevels       = 7
	maxRecord       = 64 << 20 // of a MANIFEST; one of 10,000 changes has 200 KB
	maxTorn         = 1 << 20  // what a power cut leaves of the last record, which was not synced
)

// listed is a table as the MANIFEST names it.
type listed struct {
	level       uint64
	compression uint64
}

// manifest is what a MANIFEST says.
type manifest struct {
	tables  map[uint64]listed   // that are to be there
	removed map[uint64]struct{} // named once, and taken out
	end     int64               // of the last whole record; what is behind it Badger cuts off, or does not open
	written int64               // end of the last record that is not empty: zeros read as empty ones
	torn    bool                // behind that a page was lost: what is behind end is to be cut off
}

// readManifest reads a MANIFEST of size octets. A last record that is not there as a whole is no
// fault: end is then less than size, and what it named is told from the tables.
func readManifest(r io.ReaderAt, size int64) (*manifest, error) {
	f := &file{ReaderAt: r, faults: manifestName, size: size}
	head, err := f.read(0, 8)
	if err != nil {
		return nil, err
	}
	if string(head[:4]) != "Bdgr" {
		return nil, f.at(0, "does not begin as one")
	}
	if ext, v := binary.BigEndian.Uint16(head[4:]), binary.BigEndian.Uint16(head[6:]); ext != 0 || v != manifestVersion {
		return nil, f.at(4, "is of version %d.%d, which is not known", ext, v)
	}
	m := &manifest{tables: map[uint64]listed{}, removed: map[uint64]struct{}{}, end: 8, written: 8}
	for size-m.end >= 8 {
		whole, err := m.record(f)
		if IsFault(err) && size-m.written <= maxTorn {
			lost, readErr := lostPage(f, m.written, size)
			if m.torn = lost && readErr == nil; m.torn {
				return m, nil
			}
		}
		if err != nil || !whole {
			return m, err
		}
	}
	return m, nil
}

// record applies the record at m.end; it reports whether one is there as a whole.
func (m *manifest) record(f *file) (bool, error) {
	head, err := f.read(m.end, 8)
	if err != nil {
		return false, err
	}
	n := int64(binary.BigEndian.Uint32(head))
	switch {
	case n > f.size || n > maxRecord:
		return false, f.at(m.end, "has a record of %d octets, longer than itself", n)
	case n > f.size-m.end-8:
		return false, nil
	}
	body, err := f.read(m.end+8, n)
	if err != nil {
		return false, err
	}
	if sum(body) != binary.BigEndian.Uint32(head[4:]) {
		return false, f.at(m.end, "has a record with a wrong checksum")
	}
	if err := m.apply(body); err != nil {
		return false, f.at(m.end, "has a record that cannot be: %v", err)
	}
	if m.end += 8 + n; n > 0 {
		m.written = m.end
	}
	return true, nil
}

var errWire = errors.New("no protocol buffer of a known shape")

// apply takes in a ManifestChangeSet.
func (m *manifest) apply(set []byte) error {
	return fields(set, func(number, _ uint64, change []byte) error {
		if number != 1 || change == nil {
			return errWire
		}
		var v [7]uint64 // id, operation, level, key id, algorithm, compression
		err := fields(change, func(number, value uint64, b []byte) error {
			if b != nil || number >= uint64(len(v)) {
				return errWire
			}
			v[number] = value
			return nil
		})
		if err != nil {
			return err
		}
		return m.change(v[1], v[2], v[4], listed{level: v[3], compression: v[6]})
	})
}

func (m *manifest) change(id, operation, key uint64, t listed) error {
	_, there := m.tables[id]
	switch {
	case operation == 1:
		delete(m.tables, id)
		m.removed[id] = struct{}{}
		return nil
	case operation != 0:
		return fmt.Errorf("operation %d", operation)
	case there:
		return fmt.Errorf("table %d is made twice", id)
	case t.level >= maxLevels || t.compression > 2:
		return fmt.Errorf("table %d of level %d and compression %d", id, t.level, t.compression)
	case key != 0:
		return fmt.Errorf("table %d is encrypted", id)
	}
	m.tables[id] = t
	delete(m.removed, id)
	return nil
}

// fields calls fn for each field of a protocol buffer that has varints and byte strings alone; b is
// nil for a varint.
func fields(p []byte, fn func(number, value uint64, b []byte) error) error {
	for len(p) > 0 {
		tag, n := binary.Uvarint(p)
		if n <= 0 {
			return errWire
		}
		p = p[n:]
		value, n := binary.Uvarint(p)
		if n <= 0 {
			return errWire
		}
		p = p[n:]
		var b []byte
		switch tag & 7 {
		case 0:
		case 2:
			if value > uint64(len(p)) {
				return errWire
			}
			b, p = p[:value:value], p[value:]
			if b == nil {
				b = []byte{}
			}
		default:
			return errWire
		}
		if err := fn(tag>>3, value, b); err != nil {
			return err
		}
	}
	return nil
}
