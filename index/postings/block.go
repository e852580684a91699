package postings

import (
	"encoding/binary"
	"errors"
)

// Posting is one document in which a term occurs. Positions count terms from the beginning of the
// field.
type Posting struct {
	Document  uint64
	Positions []uint32 // ascending, without repetition
}

// ErrDamaged: bytes that no block consists of.
var ErrDamaged = errors.New("postings: damaged block")

// Append codes a list, which must be sorted by document without repetition, behind b.
func Append(b []byte, list []Posting) []byte {
	var last uint64
	var positions []byte
	for _, p := range list {
		b = binary.AppendUvarint(b, p.Document-last)
		last = p.Document
		positions = positions[:0]
		var at uint32
		for _, pos := range p.Positions {
			positions = binary.AppendUvarint(positions, uint64(pos-at))
			at = pos
		}
		b = binary.AppendUvarint(b, uint64(len(positions)))
		b = append(b, positions...)
	}
	return b
}

// Decode returns the list that b codes.
func Decode(b []byte) ([]Posting, error) {
	var list []Posting
	err := each(b, func(document uint64, coded []byte) error {
		positions, err := decodePositions(coded)
		list = append(list, Posting{document, positions})
		return err
	})
	return list, err
}

// Documents appends to list the documents of the block b and does not look at positions.
func Documents(list []uint64, b []byte) ([]uint64, error) {
	err := each(b, func(document uint64, _ []byte) error {
		list = append(list, document)
		return nil
	})
	return list, err
}

// each calls fn for every posting of a block.
func each(b []byte, fn func(document uint64, positions []byte) error) error {
	var last uint64
	for first := true; len(b) > 0; first = false {
		delta, n := uvarint(b)
		if n == 0 || !first && delta == 0 || last+delta < last {
			return ErrDamaged
		}
		last += delta
		b = b[n:]
		size, n := uvarint(b)
		if n == 0 || size > uint64(len(b)-n) {
			return ErrDamaged
		}
		if err := fn(last, b[n:n+int(size)]); err != nil {
			return err
		}
		b = b[n+int(size):]
	}
	return nil
}

func decodePositions(b []byte) ([]uint32, error) {
	if len(b) == 0 {
		return nil, nil
	}
	list := make([]uint32, 0, len(b))
	var last uint64
	for first := true; len(b) > 0; first = false {
		delta, n := uvarint(b)
		if n == 0 || !first && delta == 0 || delta > 1<<32 || last+delta >= 1<<32 {
			return nil, ErrDamaged
		}
		last += delta
		list = append(list, uint32(last))
		b = b[n:]
	}
	return list, nil
}

// uvarint returns a number and its length, 0 if there is none or if it is written longer than
// needed.
func uvarint(b []byte) (uint64, int) {
	v, n := binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return v, n
}
