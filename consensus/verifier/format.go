package verifier

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"cairn/mailstore"
)

// formatVersion is the layout of the keys and values in space. The first one has no number. Since 2
// mail is indexed by who sent it on and by who recorded it.
const formatVersion = 2

// keyFormat holds it, as a number.
const keyFormat = "format"

// ladder has, by each format before formatVersion, what brings the space to the next one, in
// transactions of bounded size. It may be stopped anywhere and is begun anew then: what it has
// rewritten it must know.
var ladder = map[uint64]func(context.Context, *mailstore.Store) error{1: indexTrust}

// ErrLater: a later version of the program wrote what is known about the mail, which is to be used.
var ErrLater = errors.New("what is known about the mail here was written by a later version of Cairn")

// Begin looks at the format of what was found before, and brings it up if it is an earlier one. A
// later one is an error, and nothing is changed. It is to be called before anything is judged.
func (v *Verifier) Begin(ctx context.Context) error {
	return bringUp(ctx, v.store, formatVersion, ladder)
}

func bringUp(ctx context.Context, store *mailstore.Store, to uint64, ladder map[uint64]func(context.Context, *mailstore.Store) error) error {
	at, noted, err := formatOf(store, to)
	if err != nil {
		return err
	}
	if at > to {
		return fmt.Errorf("%w: it is of format %d, and this Cairn knows formats up to %d", ErrLater, at, to)
	}
	for ; at < to; at++ {
		if err := ladder[at](ctx, store); err != nil {
			return fmt.Errorf("bring what is known about the mail here from format %d to %d: %w", at, at+1, err)
		}
		if err := noteFormat(ctx, store, at+1); err != nil {
			return err
		}
		noted = true
	}
	if noted {
		return nil
	}
	return noteFormat(ctx, store, to)
}

// formatOf reads the format of the space; what is empty has that of now. noted is false where there
// is no number.
func formatOf(store *mailstore.Store, now uint64) (at uint64, noted bool, err error) {
	err = store.View(func(rd *mailstore.Reader) error {
		sp := rd.Space(space)
		if at, noted, err = sp.Number([]byte(keyFormat)); err != nil || noted {
			return err
		}
		at = now
		return sp.Scan(nil, nil, func(_, _ []byte) bool {
			at = 1
			return false
		})
	})
	return at, noted, err
}

func noteFormat(ctx context.Context, store *mailstore.Store, at uint64) error {
	return store.Update(ctx, func(tx *mailstore.Tx) error { return tx.Space(space).PutNumber([]byte(keyFormat), at) })
}

// indexTrust writes the keys that came with format 2. A finding that is damaged gets none: it is
// not judged again.
func indexTrust(ctx context.Context, store *mailstore.Store) error {
	for from := []byte(prefixMessage); from != nil; {
		err := store.Update(ctx, func(tx *mailstore.Tx) error {
			sp := tx.Space(space)
			var keys [][]byte
			err := sp.Keys([]byte(prefixMessage), from, func(key []byte) bool {
				keys = append(keys, bytes.Clone(key))
				return len(keys) < reviseStep
			})
			if err != nil {
				return err
			}
			for _, key := range keys {
				f, err := Of(&tx.Reader, mailstore.RefOf(key))
				if errors.Is(err, mailstore.ErrDamaged) {
					continue
				}
				if err != nil {
					return err
				}
				if err := putKeys(sp, f.trustKeys(mailstore.RefOf(key))); err != nil {
					return err
				}
			}
			if from = nil; len(keys) == reviseStep {
				from = append(keys[len(keys)-1], 0)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
