package intact

import "encoding/binary"

// Bounds of what is looked for in a table without an index.
const (
	maxUnindexed = 128 << 20 // bytes of the table
	maxReach     = 1 << 20   // bytes that a block is looked for before its end, if it does not begin where the one before it ends
	maxCrc       = 12        // bytes of a block's checksum as it is written
)

// unindexed finds the blocks of a table whose index is damaged or cut off, by their checksums.
// Compressed ones do not show where they end.
func unindexed(f *file) (found []extent, err error) {
	if f.size > maxUnindexed {
		return nil, nil
	}
	b, err := f.read(0, f.size)
	if err != nil {
		return nil, err
	}
	begin, left := 0, 64*len(b) // of the next block; octets to be looked at or summed at most
	for end := 4; end <= len(b); end++ {
		tail, cost, ok := blockTail(b[begin:end])
		if left -= cost; left < 0 {
			return found, nil
		}
		if !ok {
			continue
		}
		for at := range tail.begins(b[:end], begin) {
			if left -= end - at; left < 0 {
				return found, nil
			}
			if _, ok := blockEntries(b[at:end]); ok {
				found = append(found, extent{int64(at), int64(end - at)})
				begin = end
				break
			}
		}
	}
	return found, nil
}

// tail is the end of a block.
type tail struct {
	size    int    // octets from the offsets on
	offsets []byte // where each entry begins in the block
}

// blockTail reads what the end of a block would be, if b ends with one. cost is how many octets it
// looked at beyond a few.
func blockTail(b []byte) (t tail, cost int, ok bool) {
	number := func(before int) (n int) {
		if len(b) < before+4 {
			return -1
		}
		return int(int32(binary.BigEndian.Uint32(b[len(b)-before-4:])))
	}
	crc := number(0)
	if crc < 1 || crc > maxCrc || len(b) < 4+crc {
		return t, cost, false
	}
	if _, ok := checksum(b[len(b)-4-crc : len(b)-4]); !ok {
		return t, cost, false
	}
	entries := number(4 + crc)
	t.size = 4 + crc + 4 + 4*entries
	if entries < 1 || entries > len(b)/4 || t.size > len(b) {
		return t, cost, false
	}
	t.offsets = b[len(b)-t.size:][:4*entries]
	last := -1
	cost = len(t.offsets)
	for o := t.offsets; len(o) > 0; o = o[4:] {
		at := int(binary.LittleEndian.Uint32(o))
		if last < 0 && at != 0 || at <= last || at > len(b)-t.size {
			return t, cost, false
		}
		last = at
	}
	return t, cost, true
}

// begins gives where a block may begin that ends with b: where the one before it ends, and where a
// first entry would stand, the nearest first.
func (t tail) begins(b []byte, first int) func(yield func(at int) bool) {
	return func(yield func(at int) bool) {
		if !yield(first) {
			return
		}
		last := int(binary.LittleEndian.Uint32(t.offsets[len(t.offsets)-4:]))
		for at := len(b) - t.size - last - 4; at > max(first, len(b)-maxReach); at-- {
			shared, key := binary.LittleEndian.Uint16(b[at:]), int(binary.LittleEndian.Uint16(b[at+2:]))
			second := len(b) - t.size - at
			if len(t.offsets) > 4 {
				second = int(binary.LittleEndian.Uint32(t.offsets[4:]))
			}
			if shared == 0 && key >= 8 && 4+key < second && !yield(at) {
				return
			}
		}
	}
}
