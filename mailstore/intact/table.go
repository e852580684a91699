package intact

import (
	"encoding/binary"
	"math"
)

const (
	maxIndex = 256 << 20 // bytes of a table's index; some hundred KB in Cairn's tables of a few MB
	maxBlock = 128 << 20 // bytes of a block; 32 KB, or one entry of a whole transaction
)

// table is the index of an open table.
type table struct {
	*file
	compression uint64
	blocks      []extent
}

type extent struct{ offset, size int64 }

// entry is one entry of a table or log; key and value are valid only during the call that it is
// given to.
type entry struct {
	key     []byte // without its version
	version uint64
	meta    byte
	value   []byte
}

// Bits of entry.meta.
const (
	metaPointer = 1 << 1 // the value is a pointer into a value log
	metaTxn     = 1 << 6 // one of a transaction
	metaFin     = 1 << 7 // the end of one
)

// setKey takes the version off a key as it is stored.
func (e *entry) setKey(stored []byte) bool {
	n := len(stored) - 8
	if n < 0 {
		return false
	}
	e.key, e.version = stored[:n], math.MaxUint64-binary.BigEndian.Uint64(stored[n:])
	return true
}

// openTable reads footer and index of a table: the index has its checksum, and its blocks cover all
// that is before it.
func openTable(f *file, compression uint64) (*table, error) {
	if f.size == 0 {
		return nil, f.whole("is empty")
	}
	want, at, err := footer(f)
	if err != nil {
		return nil, err
	}
	head, err := f.read(at-4, 4)
	if err != nil {
		return nil, f.at(0, "is cut short")
	}
	n := int64(binary.BigEndian.Uint32(head))
	at -= 4 + n
	if at <= 0 || n > maxIndex {
		return nil, f.at(f.size, "has an index of %d octets, which do not fit in it", n)
	}
	index, err := f.read(at, n)
	if err != nil {
		return nil, err
	}
	if uint64(sum(index)) != want {
		return nil, f.at(at, "has an index with a wrong checksum")
	}
	t := &table{file: f, compression: compression}
	if t.blocks, err = readIndex(index); err != nil {
		return nil, f.at(at, "has an index that cannot be read")
	}
	return t, t.covered(at)
}

// footer gives the checksum of the index and where it stands.
func footer(f *file) (crc uint64, at int64, err error) {
	b, err := f.read(f.size-4, 4)
	if err != nil {
		return 0, 0, f.at(0, "is cut short")
	}
	n := int64(binary.BigEndian.Uint32(b))
	if n > 32 || n > f.size-4 {
		return 0, 0, f.at(f.size-4, "does not end as a table does")
	}
	if b, err = f.read(f.size-4-n, n); err != nil {
		return 0, 0, err
	}
	crc, ok := checksum(b)
	if !ok {
		return 0, 0, f.at(f.size-4-n, "does not end as a table does")
	}
	return crc, f.size - 4 - n, nil
}

// checksum reads a checksum of the one algorithm that Badger writes.
func checksum(b []byte) (crc uint64, ok bool) {
	ok = fields(b, func(number, value uint64, b []byte) error {
		if number != 2 || b != nil {
			return errWire
		}
		crc = value
		return nil
	}) == nil
	return crc, ok
}

// covered holds that the blocks follow each other from the beginning to the index.
func (t *table) covered(end int64) error {
	at := int64(0)
	for _, b := range t.blocks {
		if b.offset != at || b.size <= 0 || b.size > maxBlock {
			return t.at(at, "has an index that does not fit it")
		}
		at += b.size
	}
	if at != end || at == 0 {
		return t.at(at, "has an index that does not fit it")
	}
	return nil
}

// each reads all blocks, and calls fn for each entry.
func (t *table) each(fn func(entry) error) error {
	for _, b := range t.blocks {
		data, err := t.read(b.offset, b.size)
		if err != nil {
			return err
		}
		if data, err = t.unpack(data); err != nil {
			return t.at(b.offset, "has a block that is %v", err)
		}
		entries, ok := blockEntries(data)
		if !ok {
			return t.at(b.offset, "has a block with a wrong checksum")
		}
		if err := entries.each(fn); err == errWire {
			return t.at(b.offset, "has a block that cannot be read")
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (t *table) unpack(data []byte) ([]byte, error) {
	switch t.compression {
	case 0:
		return data, nil
	case 1:
		return unsnap(data, maxBlock)
	case compressionUnknown:
		if _, ok := blockEntries(data); ok {
			return data, nil
		}
		return unsnap(data, maxBlock)
	}
	return nil, errSnappy
}

// compressionUnknown is that of a table which the MANIFEST does not name.
const compressionUnknown = math.MaxUint64

// block is a block whose checksum is right: its entries, and where each begins.
type block struct{ data, offsets []byte }

// blockEntries takes a block apart, and reports whether its checksum is right.
func blockEntries(b []byte) (block, bool) {
	take := func(n uint64) (part []byte) {
		if n > uint64(len(b)) {
			b = nil
			return nil
		}
		part, b = b[uint64(len(b))-n:], b[:uint64(len(b))-n]
		return part
	}
	number := func() uint64 {
		p := take(4)
		if p == nil {
			return math.MaxUint64
		}
		return uint64(binary.BigEndian.Uint32(p))
	}
	want, ok := checksum(take(number()))
	if !ok || len(b) < 4 || uint64(sum(b)) != want {
		return block{}, false
	}
	n := number()
	offsets := take(4 * n)
	return block{b, offsets}, n > 0 && offsets != nil
}

// each calls fn for each entry; errWire says that there is none where one should be.
func (b block) each(fn func(entry) error) error {
	var base, key []byte
	for o := b.offsets; len(o) > 0; o = o[4:] {
		at, end := uint64(binary.LittleEndian.Uint32(o)), uint64(len(b.data))
		if len(o) > 4 {
			end = uint64(binary.LittleEndian.Uint32(o[4:]))
		}
		if end > uint64(len(b.data)) || at > end || end-at < 4 {
			return errWire
		}
		p := b.data[at:end]
		overlap, diff := int(binary.LittleEndian.Uint16(p)), int(binary.LittleEndian.Uint16(p[2:]))
		p = p[4:]
		if overlap > len(base) || diff > len(p) {
			return errWire
		}
		key = append(append(key[:0], base[:overlap]...), p[:diff]...)
		if base == nil {
			base = append([]byte{}, key...)
		}
		e, ok := tableValue(p[diff:])
		if !ok || !e.setKey(key) {
			return errWire
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// tableValue reads what stands behind a key in a block.
func tableValue(p []byte) (e entry, ok bool) {
	if len(p) < 3 {
		return e, false
	}
	_, n := binary.Uvarint(p[2:]) // when it expires
	if n <= 0 {
		return e, false
	}
	return entry{meta: p[0], value: p[2+n:]}, true
}

// readIndex reads where the blocks are from the index, a flat buffer.
func readIndex(b []byte) ([]extent, error) {
	buf := flat{b: b}
	root := buf.indirect(0)
	list := buf.indirect(buf.field(root, 0))
	n := buf.u32(list)
	if buf.bad || n > int64(len(b))/4 {
		return nil, errWire
	}
	if bloom := buf.field(root, 1); bloom > 0 {
		at := buf.indirect(bloom)
		buf.need(at+4, buf.u32(at))
	}
	blocks := make([]extent, 0, n)
	for i := range n {
		b := buf.indirect(list + 4 + 4*i)
		key := buf.indirect(buf.field(b, 0))
		buf.need(key+4, max(8, buf.u32(key)))
		e := extent{size: buf.u32At(buf.field(b, 2))}
		e.offset = buf.u32At(buf.field(b, 1))
		blocks = append(blocks, e)
		if buf.bad {
			return nil, errWire
		}
	}
	if buf.bad || n == 0 {
		return nil, errWire
	}
	return blocks, nil
}

// flat reads a flat buffer within its bounds; bad is set when something is out of them.
type flat struct {
	b   []byte
	bad bool
}

func (f *flat) need(at, n int64) bool {
	if at < 0 || n < 0 || at > int64(len(f.b)) || n > int64(len(f.b))-at {
		f.bad = true
	}
	return !f.bad
}

func (f *flat) u32(at int64) int64 {
	if !f.need(at, 4) {
		return 0
	}
	return int64(binary.LittleEndian.Uint32(f.b[at:]))
}

// u32At is the number of a field, 0 if the field is left out.
func (f *flat) u32At(field int64) int64 {
	if field == 0 {
		return 0
	}
	return f.u32(field)
}

func (f *flat) u16(at int64) int64 {
	if !f.need(at, 2) {
		return 0
	}
	return int64(binary.LittleEndian.Uint16(f.b[at:]))
}

// indirect follows the offset at a place.
func (f *flat) indirect(at int64) int64 {
	return at + f.u32(at)
}

// field is where field i of the table at t stands, 0 if it is left out.
func (f *flat) field(t, i int64) int64 {
	vtable := t - int64(int32(f.u32(t)))
	if size := f.u16(vtable); f.bad || 4+2*i+2 > size {
		return 0
	}
	if o := f.u16(vtable + 4 + 2*i); o > 0 {
		return t + o
	}
	return 0
}
