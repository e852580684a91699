package mailstore

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// foundStore adds what makes a store of a database: the format, and its identity.
func foundStore(o *overlay, id [16]byte, format uint32) {
	o.set(string(metaVersion), write{value: encodeFormat(format)})
	o.set(string(metaStoreID), write{value: id[:]})
}

func newStoreID() (id [16]byte) {
	rand.Read(id[:]) // never fails
	return id
}

func encodeFormat(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// format reads the store's format; ErrNotFound if there is none. Format 1 is stored without a
// checksum, each later one with one: so it can be read before it is known.
func (s *snapshot) format() (n uint32, err error) {
	defer s.contain(metaVersion, &err)
	item, err := s.txn.Get(metaVersion)
	if err != nil {
		return 0, s.readError(metaVersion, err)
	}
	stored, err := item.ValueCopy(nil)
	if err != nil {
		return 0, s.readError(metaVersion, err)
	}
	if len(stored) == 4 && binary.BigEndian.Uint32(stored) == 1 {
		return 1, nil
	}
	value, why := unseal(metaVersion, stored)
	if why == "" && len(value) != 4 {
		why = "it is no number"
	}
	if why != "" {
		return 0, damagedAt(s.dir, metaVersion, why)
	}
	return binary.BigEndian.Uint32(value), nil
}

// isEmpty tells whether the database has no keys.
func (s *snapshot) isEmpty() bool {
	it := s.txn.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	it.Rewind()
	return !it.Valid()
}

// FormatError tells of a store or dump that another version of the program wrote, which is to be
// used.
type FormatError struct{ Format uint32 }

// Error is the end of a sentence that begins with what it is about.
func (e *FormatError) Error() string {
	return fmt.Sprintf("it has store format %d, this program knows formats 1 to %d", e.Format, formatVersion)
}

func checkFormat(n uint32) error {
	if n >= 1 && n <= formatVersion {
		return nil
	}
	return &FormatError{n}
}

// dumpedFormat reads the format in a dump.
func dumpedFormat(value []byte) (uint32, error) {
	if len(value) != 4 {
		return 0, errors.New("its store format is no number")
	}
	n := binary.BigEndian.Uint32(value)
	return n, checkFormat(n)
}
