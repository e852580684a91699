package outbox

import (
	"errors"

	"cairn/mailstore"
)

// spoilt reports whether what was to be read is not what was stored.
func spoilt(err error) bool {
	return errors.Is(err, mailstore.ErrDamaged) || errors.Is(err, errCounts) || errors.Is(err, errEntry)
}

// holds reports whether a table has a key that is not below from.
func holds(sp mailstore.SpaceReader, table byte, from []byte) (found bool, err error) {
	err = sp.Keys([]byte{table}, from, func([]byte) bool {
		found = true
		return false
	})
	return found, err
}
