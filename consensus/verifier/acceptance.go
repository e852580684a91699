package verifier

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message"
)

// acceptance is the first delivery of a record to a recipient. It is kept as long as the message
// that it brought, and until the record is too old to be accepted anew in any case.
type acceptance struct {
	Courier consensus.Hash `json:"courier,omitzero"` // org of the node that brought it; zero: not known
	Node    consensus.Key  `json:"node,omitzero"`    // that node; zero: none, and in those from before this was kept
	// By is the record that it came by; zero in those from before this was kept.
	By consensus.Hash `json:"by,omitzero"`
	// The message that it brought; zero in those from before this was kept, which stay.
	Account mailstore.AccountID `json:"account,omitempty"`
	Message mailstore.MessageID `json:"message,omitempty"`
}

// byStranger stands in a key for all who sent something on and are known to nobody here: one place
// for them all, since a domain is whoever's that claims it. It is no domain.
const byStranger = "?"

// byCopy stands there for copies of what was recorded for somebody else.
const byCopy = "!"

// acceptedKey takes rcpt in the form that a record has it in: whoever picks the letter case of an
// address must not thereby pick another recipient. What a known forwarder sent on is accepted once
// beside what came straight.
func acceptedKey(id consensus.Hash, rcpt, forwarder string) []byte {
	k := append(acceptedOf(id), strings.ToLower(message.CanonicalAddress(rcpt))...)
	if forwarder != "" {
		k = append(append(k, 0), forwarder...)
	}
	return k
}

// acceptedOf begins the keys of all acceptances of a record.
func acceptedOf(id consensus.Hash) []byte { return append([]byte(prefixAccepted), id[:]...) }

// acceptedBefore returns the first delivery of a record to a recipient. Of one that is damaged it
// is known that it was, and not by whom.
func acceptedBefore(sp mailstore.SpaceReader, key []byte) (a acceptance, known bool, err error) {
	known, err = sp.JSON(key, &a)
	if errors.Is(err, mailstore.ErrDamaged) {
		return acceptance{}, true, nil
	}
	return a, known, err
}

// remember notes the first delivery of a record to a recipient.
func remember(sp mailstore.Space, key []byte, a acceptance) error {
	known, err := sp.Has(key)
	if err != nil || known {
		return err
	}
	return sp.PutJSON(key, a)
}

// release lets go of the acceptances that brought a message which is gone: they are dropped once
// the record is too old for another arrival. One that is damaged stays.
func release(sp mailstore.Space, ref mailstore.Ref, f *Finding) error {
	if f.Record.IsZero() {
		return nil
	}
	until := f.Time
	if f.Facts.Forwarder != "" { // whose record's age counts
		until = max(until, f.Facts.SentOnTime)
	}
	until += min(math.MaxUint64-until, uint64(record.MaxAge.Milliseconds()))
	keys, err := scanKeys(sp.SpaceReader, acceptedOf(f.Record), nil, math.MaxInt)
	for _, key := range keys {
		if err != nil {
			break
		}
		var a acceptance
		if a, _, err = acceptedBefore(sp.SpaceReader, key); err == nil && (mailstore.Ref{Account: a.Account, Message: a.Message}) == ref {
			err = sp.Put(goneKey(until, key), nil)
		}
	}
	return err
}

func goneKey(until uint64, accepted []byte) []byte {
	k := binary.BigEndian.AppendUint64([]byte(prefixGone), until)
	return append(k, accepted[len(prefixAccepted):]...)
}

// forgetGone drops the acceptances of removed mail whose records are too old by now, and what is
// left of the index by age.
func (v *Verifier) forgetGone(ctx context.Context, now time.Time) error {
	end := binary.BigEndian.AppendUint64([]byte(prefixGone), uint64(max(now.UnixMilli(), 0)))
	for ctx.Err() == nil {
		var gone, ages [][]byte
		err := v.store.View(func(rd *mailstore.Reader) (err error) {
			sp := rd.Space(space)
			if ages, err = scanKeys(sp, []byte(prefixAge), nil, reviseStep); err != nil {
				return err
			}
			return sp.Keys([]byte(prefixGone), nil, func(key []byte) bool {
				if bytes.Compare(key, end) >= 0 {
					return false
				}
				gone = append(gone, bytes.Clone(key))
				return len(gone) < reviseStep
			})
		})
		if err != nil || len(gone)+len(ages) == 0 {
			return err
		}
		err = v.store.Update(ctx, func(tx *mailstore.Tx) error {
			sp := tx.Space(space)
			for _, key := range gone {
				accepted := append([]byte(prefixAccepted), key[len(prefixGone)+8:]...)
				if err := errors.Join(sp.Delete(accepted), sp.Delete(key)); err != nil {
					return err
				}
			}
			for _, key := range ages {
				if err := sp.Delete(key); err != nil {
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
