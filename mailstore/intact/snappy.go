package intact

import (
	"encoding/binary"
	"errors"
)

var errSnappy = errors.New("not compressed as it should be")

// unsnap decompresses a Snappy block of at most limit octets.
func unsnap(src []byte, limit int) ([]byte, error) {
	size, n := binary.Uvarint(src)
	if n <= 0 || size > uint64(limit) || size > 64*uint64(len(src)) { // three octets make 64 at the most
		return nil, errSnappy
	}
	dst := make([]byte, 0, size)
	for src = src[n:]; len(src) > 0; {
		length, distance, used := snapTag(src)
		if used == 0 || length > int(size)-len(dst) {
			return nil, errSnappy
		}
		src = src[used:]
		if distance < 0 { // a literal
			if length > len(src) {
				return nil, errSnappy
			}
			dst, src = append(dst, src[:length]...), src[length:]
			continue
		}
		if distance == 0 || distance > len(dst) {
			return nil, errSnappy
		}
		dst = repeat(dst, distance, length)
	}
	if uint64(len(dst)) != size {
		return nil, errSnappy
	}
	return dst, nil
}

// repeat appends length octets from distance before the end, which may overlap.
func repeat(dst []byte, distance, length int) []byte {
	for length > 0 {
		from := len(dst) - distance
		n := min(length, distance)
		dst = append(dst, dst[from:from+n]...)
		length -= n
	}
	return dst
}

// snapTag reads an element's tag: how long it is, from how far back, -1 for a literal, and how many
// octets the tag has, 0 if it is cut.
func snapTag(src []byte) (length, distance, used int) {
	tag := int(src[0])
	need := [4]int{1, 2, 3, 5}[tag&3]
	if tag&3 == 0 && tag>>2 >= 60 {
		need += tag>>2 - 59
	}
	if len(src) < need {
		return 0, 0, 0
	}
	var more [4]byte
	copy(more[:], src[1:need])
	v := int(binary.LittleEndian.Uint32(more[:]))
	switch tag & 3 {
	case 0:
		if tag>>2 < 60 {
			return tag>>2 + 1, -1, need
		}
		return v + 1, -1, need
	case 1:
		return tag>>2&7 + 4, tag>>5<<8 | v, need
	}
	return tag>>2 + 1, v, need
}
