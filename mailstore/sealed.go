package mailstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
)

// From store format 2 on each value but those of tableBlob is stored as
//
//	value | u32 CRC32C of key and value
//
// (big endian). So no stored value is empty. A blob is held to its key, which is its SHA-256. It is
// done where values are given to the database and taken from it ([Store.writeTxn], [snapshot]);
// everything above knows values alone.

// sealSize is how many octets a sealed value has more.
const sealSize = 4

// nothingRead says why of a value that is empty. Badger gives that too for one whose octets are
// others than it wrote.
const nothingRead = "nothing can be read there"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func isBlob(key []byte) bool { return len(key) > 0 && key[0] == tableBlob }

// seal returns what is stored for a value.
func seal(key, value []byte) []byte {
	if isBlob(key) {
		return value
	}
	b := append(make([]byte, 0, len(value)+sealSize), value...)
	return binary.BigEndian.AppendUint32(b, checksum(key, value))
}

// unseal takes a value from what is stored for it, as a part of that. why says what is wrong, and
// is empty if nothing is.
func unseal(key, stored []byte) (value []byte, why string) {
	if isBlob(key) {
		if sum := sha256.Sum256(stored); bytes.Equal(sum[:], key[1:]) {
			return stored, ""
		}
		if len(stored) == 0 {
			return nil, nothingRead
		}
		return nil, "its SHA-256 is another one"
	}
	n := len(stored) - sealSize
	switch {
	case len(stored) == 0:
		return nil, nothingRead
	case n < 0 || binary.BigEndian.Uint32(stored[n:]) != checksum(key, stored[:n]):
		return nil, "its checksum does not hold"
	}
	return stored[:n:n], ""
}

func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}
