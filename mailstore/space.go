package mailstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// SpaceReader reads one named map; see [Reader.Space].
type SpaceReader struct {
	src    source
	prefix []byte
	err    error // of a bad name; every call returns it
}

// Space returns the named map of a part of the node that keeps its durable state here (queue,
// recorder, verdicts, pins). A space that nothing was put into is empty. Names obey [CheckLabel];
// with another name every call fails.
func (r *Reader) Space(name string) SpaceReader {
	prefix, err := spacePrefix(name)
	return SpaceReader{src: r.src, prefix: prefix, err: err}
}

func (s SpaceReader) key(key []byte) []byte {
	return append(append(make([]byte, 0, len(s.prefix)+len(key)), s.prefix...), key...)
}

// Get returns the value of key, or ErrNotFound.
func (s SpaceReader) Get(key []byte) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.src.get(s.key(key))
}

// Number returns the number that [Space.PutNumber] set key to; known is false if key is not there.
func (s SpaceReader) Number(key []byte) (n uint64, known bool, err error) {
	b, err := s.Get(key)
	if errors.Is(err, ErrNotFound) {
		return 0, false, nil
	}
	if err == nil && len(b) != 8 {
		err = fmt.Errorf("the stored number %q has %d octets, not 8", s.key(key), len(b))
	}
	if err != nil {
		return 0, false, err
	}
	return binary.BigEndian.Uint64(b), true, nil
}

// Count is Number of what may begin anew: 0 too where it is damaged.
func (s SpaceReader) Count(key []byte) (uint64, error) {
	n, _, err := s.Number(key)
	if errors.Is(err, ErrDamaged) {
		return 0, nil
	}
	return n, err
}

// Last is the number in key, which is the last one that was given to a key of a prefix and a number
// in 8 octets. It is told from those that are there where it is damaged, or has one behind it: a
// number that is lost would be given a second time.
func (s SpaceReader) Last(key, prefix []byte) (uint64, error) {
	last, err := s.Count(key)
	if err != nil {
		return 0, err
	}
	from := binary.BigEndian.AppendUint64(bytes.Clone(prefix), last+1)
	err = s.Keys(prefix, from, func(key []byte) bool {
		if number := key[len(prefix):]; len(number) == 8 {
			last = binary.BigEndian.Uint64(number)
		}
		return true
	})
	return last, err
}

// Has tells whether key is there.
func (s SpaceReader) Has(key []byte) (bool, error) {
	if s.err != nil {
		return false, s.err
	}
	return s.src.has(s.key(key))
}

// Scan calls fn in key order for each key that has the prefix and is not below from (both may be
// nil), until fn returns false. Key and value are valid only during the call. In an Update, fn may
// write; it need not see keys it adds.
func (s SpaceReader) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	if s.err != nil {
		return s.err
	}
	return scan(s.src, s.key(prefix), s.key(from), func(key, value []byte) bool {
		return fn(key[len(s.prefix):], value)
	})
}

// Keys is Scan that also gives the keys whose values are damaged. Values are read all the same.
func (s SpaceReader) Keys(prefix, from []byte, fn func(key []byte) bool) error {
	if s.err != nil {
		return s.err
	}
	return s.src.walk(s.key(prefix), s.key(from), func(key, _ []byte, _ *DamagedError) bool {
		return fn(key[len(s.prefix):])
	})
}

// Space is a named map inside an Update.
type Space struct {
	SpaceReader
	tx *Tx
}

// Space returns the named map for reading and writing; see [Reader.Space].
func (tx *Tx) Space(name string) Space {
	return Space{SpaceReader: tx.Reader.Space(name), tx: tx}
}

// Put sets the value of key. The value must not be changed before Update returns.
func (s Space) Put(key, value []byte) error {
	if s.err != nil {
		return s.err
	}
	return s.tx.put(s.key(key), value)
}

// PutNumber sets the value of key to n in 8 octets, the highest first.
func (s Space) PutNumber(key []byte, n uint64) error {
	return s.Put(key, binary.BigEndian.AppendUint64(nil, n))
}

// Delete removes key; removing what is not there is no error.
func (s Space) Delete(key []byte) error {
	if s.err != nil {
		return s.err
	}
	return s.tx.delete(s.key(key))
}
