package mailstore

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// usedSpace has how many octets the messages of an account have together: account -> number. It has
// that of accounts that somebody wants counted, and is written with each message of theirs.
const usedSpace = "used"

func usedKey(a AccountID) []byte { return binary.BigEndian.AppendUint32(nil, uint32(a)) }

// Used returns how many octets the messages of an account have together; counted is false for an
// account that CountUsed was not called for. One whose number is damaged is counted anew, which
// takes as long as reading what its messages are.
func (r *Reader) Used(a AccountID) (octets int64, counted bool, err error) {
	n, counted, err := r.Space(usedSpace).Number(usedKey(a))
	if damaged(err) {
		octets, err = r.addUp(a)
		return octets, err == nil, err
	}
	return int64(n), counted, err
}

// CountUsed has the octets of an account's messages counted from now on, beginning with those that
// are there.
func (tx *Tx) CountUsed(a AccountID) error {
	octets, err := tx.addUp(a)
	if err != nil {
		return err
	}
	return tx.Space(usedSpace).PutNumber(usedKey(a), uint64(octets))
}

// CountUsedNoMore ends what CountUsed began.
func (tx *Tx) CountUsedNoMore(a AccountID) error { return tx.Space(usedSpace).Delete(usedKey(a)) }

// grow counts a message that was written or, below zero, removed.
func (tx *Tx) grow(a AccountID, by int64) error {
	n, counted, err := tx.Space(usedSpace).Number(usedKey(a))
	switch {
	case damaged(err):
		return tx.CountUsed(a)
	case err != nil || !counted:
		return err
	}
	return tx.Space(usedSpace).PutNumber(usedKey(a), uint64(max(int64(n)+by, 0)))
}

// growAnew is grow where nobody knows by how much.
func (tx *Tx) growAnew(a AccountID) error {
	counted, err := tx.Space(usedSpace).Has(usedKey(a))
	if err == nil && counted {
		err = tx.CountUsed(a)
	}
	return err
}

// addUp adds up the sizes of an account's messages. Those that are damaged have none.
func (r *Reader) addUp(a AccountID) (octets int64, err error) {
	err = r.src.walk(accountKey(tableMessage, a), nil, func(key, value []byte, bad *DamagedError) bool {
		if m, wrong := decodeMessage(a, MessageID(binary.BigEndian.Uint64(key[5:])), value); bad == nil && wrong == nil {
			octets += m.Size
		}
		return true
	})
	return octets, err
}

// UsedCheck is what a check of the store is to know of these numbers.
func UsedCheck() MapCheck {
	return MapCheck{
		Space: usedSpace,
		MendOf: func(key []byte) func(tx *Tx) error {
			if len(key) != 4 {
				return nil
			}
			a := AccountID(binary.BigEndian.Uint32(key))
			return func(tx *Tx) error { return tx.growAnew(a) }
		},
		Look: lookAtUsed,
	}
}

// lookAtUsed holds each number to the messages.
func lookAtUsed(r *Reader, found func(f Fault, mend func(tx *Tx) error) error) error {
	accounts, err := r.Accounts()
	for _, a := range accounts {
		n, counted, usedErr := r.Space(usedSpace).Number(usedKey(a.ID))
		octets, sumErr := r.addUp(a.ID)
		if err := errors.Join(usedErr, sumErr); err != nil || !counted || int64(n) == octets {
			if err != nil && !damaged(err) { // what is damaged is told by itself
				return err
			}
			continue
		}
		err := found(Fault{Account: a.ID, Text: fmt.Sprintf("the messages of account %d have %d octets, and %d are noted", a.ID, octets, n)},
			func(tx *Tx) error { return tx.growAnew(a.ID) })
		if err != nil {
			return err
		}
	}
	return err
}
