package lists

import (
	"encoding/binary"

	"cairn/mailstore"
)

// MapCheck is what a check of the store is to know of the lists: the members and how many they
// are follow from the rest.
func MapCheck() mailstore.MapCheck {
	return mailstore.MapCheck{Space: space, MendOf: mendList}
}

// mendList returns what makes the damaged value of a key of the lists anew; nil for a list itself,
// its posts of this hour, and how far it was distributed.
func mendList(key []byte) func(tx *mailstore.Tx) error {
	switch string(key[:min(len(key), 1)]) {
	case "m": // the key is all
		return mailstore.PutAgain(space, key)
	case "c":
		return mailstore.IfThere(space, key, func(sp mailstore.Space) error {
			var n uint32
			err := sp.Keys(append([]byte{'m'}, key[1:]...), nil, func([]byte) bool {
				n++
				return true
			})
			if err != nil {
				return err
			}
			return sp.Put(key, binary.BigEndian.AppendUint32(nil, n))
		})
	}
	return nil
}
