package verifier

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/mailstore/message"
)

// rememberFor is how long an accepted record is remembered, so that a second
// delivery is told from a first.
const rememberFor = 30 * 24 * time.Hour

// acceptance is the first delivery of a record to a recipient.
type acceptance struct {
	Courier consensus.Hash `json:"courier,omitzero"` // org of the node that brought it; zero: not known
}

// acceptedKey takes rcpt in the form that a record has it in: whoever picks
// the letter case of an address must not thereby pick another recipient.
func acceptedKey(id consensus.Hash, rcpt string) []byte {
	address := strings.ToLower(message.CanonicalAddress(rcpt))
	return append(append([]byte("accepted/"), id[:]...), address...)
}

func ageKey(at time.Time, accepted []byte) []byte {
	k := binary.BigEndian.AppendUint64([]byte("age/"), uint64(at.Unix()))
	return append(k, accepted[len("accepted/"):]...)
}

// acceptedBefore returns the first delivery of a record to a recipient.
func acceptedBefore(sp mailstore.SpaceReader, id consensus.Hash, rcpt string) (a acceptance, known bool, err error) {
	known, err = getJSON(sp, acceptedKey(id, rcpt), &a)
	return a, known, err
}

// remember notes the first delivery of a record to a recipient.
func remember(sp mailstore.Space, id consensus.Hash, rcpt string, a acceptance, at time.Time) error {
	key := acceptedKey(id, rcpt)
	known, err := sp.Has(key)
	if err != nil || known {
		return err
	}
	if err := putJSON(sp, key, a); err != nil {
		return err
	}
	return sp.Put(ageKey(at, key), nil)
}

// oldest returns up to max age keys from before a time.
func oldest(sp mailstore.SpaceReader, before time.Time, max int) (old [][]byte, err error) {
	end := binary.BigEndian.AppendUint64([]byte("age/"), uint64(before.Unix()))
	err = sp.Scan([]byte("age/"), nil, func(key, _ []byte) bool {
		if bytes.Compare(key, end) >= 0 {
			return false
		}
		old = append(old, bytes.Clone(key))
		return len(old) < max
	})
	return old, err
}

// forgetOld drops acceptances from before a time.
func (v *Verifier) forgetOld(ctx context.Context, before time.Time) error {
	const head = len("age/") + 8
	for ctx.Err() == nil {
		var old [][]byte
		err := v.store.View(func(rd *mailstore.Reader) (err error) {
			old, err = oldest(rd.Space(space), before, reviseStep)
			return err
		})
		if err != nil || len(old) == 0 {
			return err
		}
		err = v.store.Update(ctx, func(tx *mailstore.Tx) error {
			sp := tx.Space(space)
			for _, key := range old {
				err := errors.Join(sp.Delete(append([]byte("accepted/"), key[head:]...)), sp.Delete(key))
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
