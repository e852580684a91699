package intact

import "encoding/binary"

// pointer is where a value is.
type pointer struct {
	log          uint64
	offset, size int64
}

// pointerOf reads a pointer; one that cannot be read points to no log.
func pointerOf(b []byte) pointer {
	if len(b) != 12 {
		return pointer{log: 1 << 32}
	}
	n := binary.LittleEndian.Uint32
	return pointer{log: uint64(n(b)), size: int64(n(b[4:])), offset: int64(n(b[8:]))}
}
