package verifier

import (
	"context"
	"errors"

	"cairn/mailstore"
)

// journalStep is how many changes of the store's journal are read at a time.
const journalStep = 1024

// Seen returns how far the verifier has followed the mail store's journal.
func (v *Verifier) Seen(rd *mailstore.Reader) (cursor mailstore.ModSeq, err error) {
	_, err = rd.Space(space).JSON([]byte(keyJournal), &cursor)
	return cursor, err
}

// forgetRemoved follows the store's journal and drops what is known about
// messages that are gone. It waits before a change that is damaged, which keeps
// what is gone a little longer and nothing else.
func (v *Verifier) forgetRemoved(ctx context.Context) error {
	for ctx.Err() == nil {
		var cursor mailstore.ModSeq
		var gone []mailstore.Ref
		more := false
		err := v.store.View(func(rd *mailstore.Reader) error {
			var err error
			cursor, err = v.Seen(rd)
			if err != nil && !errors.Is(err, mailstore.ErrDamaged) { // else from its beginning on
				return err
			}
			changes, err := rd.ChangesSince(cursor, journalStep)
			for _, c := range changes {
				if more, cursor = true, c.ModSeq; c.Kind == mailstore.ChangeRemoved {
					gone = append(gone, c.Ref())
				}
			}
			return err
		})
		if err != nil || !more {
			return err
		}
		err = v.store.Update(ctx, func(tx *mailstore.Tx) error {
			for _, ref := range gone {
				f, err := Of(&tx.Reader, ref)
				if errors.Is(err, mailstore.ErrNotFound) || errors.Is(err, mailstore.ErrDamaged) {
					continue // it never had a verdict, or nobody knows which
				}
				if err == nil {
					err = v.forgetMessage(tx, ref, f)
				}
				if err != nil {
					return err
				}
			}
			return tx.Space(space).PutJSON([]byte(keyJournal), cursor)
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// forgetMessage drops what was known about a message that is gone.
func (v *Verifier) forgetMessage(tx *mailstore.Tx, ref mailstore.Ref, f *Finding) error {
	sp := tx.Space(space)
	keys := append(f.domainKeys(ref), messageKey(ref), ref.Append(batchPrefix(f.series(), f.Seq)), ref.Append(watchPrefix(f.Deadline)))
	keys = append(keys, f.trustKeys(ref)...)
	if f.Lost { // it may be due as long as it waits
		keys = append(keys, dueKey(messageKey(ref)))
	}
	for _, key := range keys {
		if err := sp.Delete(key); err != nil {
			return err
		}
	}
	return errors.Join(release(sp, ref, f), v.filer.Forget(tx, ref))
}
