package mailstore

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Blob is octets with their SHA-256.
type Blob struct {
	raw []byte
	sum [32]byte
}

// NewBlob takes the SHA-256 of raw, which must not be changed from then on. Of a large message that
// takes as long as all else of an update, and is better done before one begins.
func NewBlob(raw []byte) Blob { return Blob{raw, sha256.Sum256(raw)} }

// PutBlob stores raw under its SHA-256 and returns that. Bytes that are there already are not
// stored again, whoever put them, unless what is stored is damaged: so a text that is put back
// mends all copies of the mail. raw must not be changed before Update returns. A blob lives until
// its last message and its last hold are gone; one that never had either stays.
func (tx *Tx) PutBlob(raw []byte) ([32]byte, error) { return tx.Put(NewBlob(raw)) }

// Put is PutBlob of what NewBlob has made.
func (tx *Tx) Put(b Blob) ([32]byte, error) {
	key := blobKey(b.sum)
	_, same, err := tx.src.holds(key, b.raw)
	if err != nil || same {
		return b.sum, err
	}
	return b.sum, tx.put(key, b.raw)
}

// HoldBlob keeps a blob until ReleaseBlob with the same name, whatever happens to the messages that
// share it.
func (tx *Tx) HoldBlob(blob [32]byte, name string) error {
	if found, err := tx.src.has(blobKey(blob)); err != nil {
		return err
	} else if !found {
		return fmt.Errorf("blob %x: %w", blob[:8], ErrNotFound)
	}
	return tx.put(blobUserKey(blob, holdUser(name)), nil)
}

// ReleaseBlob ends a hold. The blob is removed if nobody else uses it.
func (tx *Tx) ReleaseBlob(blob [32]byte, name string) error {
	return tx.dropBlobUser(blob, holdUser(name))
}

// ReleaseBlobOf is ReleaseBlob of the blob of a message, which mostly is still there: so one look
// at that tells.
func (tx *Tx) ReleaseBlobOf(ref Ref, blob [32]byte, name string) error {
	used, err := tx.src.has(blobUserKey(blob, messageUser(ref.Account, ref.Message)))
	if err != nil {
		return err
	}
	if used {
		return tx.delete(blobUserKey(blob, holdUser(name)))
	}
	return tx.ReleaseBlob(blob, name)
}

func (tx *Tx) dropBlobUser(blob [32]byte, user []byte) error {
	if err := tx.delete(blobUserKey(blob, user)); err != nil {
		return err
	}
	// Users mostly go in the order they came. What they leave behind in the database is in front of
	// those that are there, and costs time to be gone over: it is, if nobody is found behind this
	// one.
	used, err := tx.blobIsUsed(blob, user)
	if err == nil && !used {
		used, err = tx.blobIsUsed(blob, nil)
	}
	if err != nil || used {
		return err
	}
	return tx.delete(blobKey(blob))
}

// AddMessage adds a message to m.Account with these labels and returns its number. m.Blob must be
// there (PutBlob) and m.Received must be set; m.ID is given out here, and m.Size is taken from the
// caller.
func (tx *Tx) AddMessage(m Message, labels []string) (MessageID, error) {
	set, err := labelSet(labels)
	if err != nil {
		return 0, err
	}
	if m.Received.IsZero() || m.Size < 0 {
		return 0, errors.New("mailstore: a message needs its time of arrival and its size")
	}
	if found, err := tx.src.has(accountKey(tableAccount, m.Account)); err != nil {
		return 0, err
	} else if !found {
		return 0, fmt.Errorf("account %d: %w", m.Account, ErrNotFound)
	}
	if found, err := tx.src.has(blobKey(m.Blob)); err != nil {
		return 0, err
	} else if !found {
		return 0, fmt.Errorf("blob %x: %w", m.Blob[:8], ErrNotFound)
	}
	if m.ID, err = tx.nextMessage(m.Account); err != nil {
		return 0, err
	}
	m.Received = m.Received.UTC().Truncate(time.Millisecond)
	row := labelRow{labels: set, added: tx.modseq + 1, changed: tx.modseq + 1}
	err = errors.Join(
		tx.putNumber(accountKey(tableLastID, m.Account), uint64(m.ID)),
		tx.put(messageKey(tableMessage, m.Account, m.ID), encodeMessage(m)),
		tx.putRow(m.Ref(), row),
		tx.put(blobUserKey(m.Blob, messageUser(m.Account, m.ID)), nil),
		tx.count(m.Account, nil, withTotal(set)),
		tx.grow(m.Account, m.Size),
		tx.journal(Change{Kind: ChangeAdded, Account: m.Account, Message: m.ID, Labels: set}),
	)
	return m.ID, err
}

// SetLabels adds and removes labels of a message; a name in both lists ends up set. Nothing is
// written, and the journal does not grow, when that changes nothing.
func (tx *Tx) SetLabels(a AccountID, id MessageID, add, remove []string) error {
	add, err := labelSet(add)
	if err != nil {
		return err
	}
	old, stored, err := tx.labelRow(Ref{a, id})
	if err != nil {
		return err
	}
	set := changeLabels(old.labels, add, remove)
	if slices.Equal(old.labels, set) {
		return nil
	}
	if !stored {
		err = tx.supersedeAllBut(Ref{a, id}, old.numbers()...)
	}
	return errors.Join(err, tx.relabel(Ref{a, id}, old, set), tx.count(a, old.labels, set))
}

// total is the name under which all messages of an account are counted: no label is empty.
const total = ""

func withTotal(labels []string) []string { return append([]string{total}, labels...) }

// count moves a message from the label set before to the label set after in the account's counters.
// What it counts is written before: a damaged counter is counted anew.
func (tx *Tx) count(a AccountID, before, after []string) error {
	err := tx.step(a, before, after)
	if damaged(err) {
		return tx.recount(a)
	}
	return err
}

func (tx *Tx) step(a AccountID, before, after []string) error {
	step := func(label string, by int64) error {
		n, err := tx.number(countKey(a, label))
		if err != nil {
			return err
		}
		return tx.putNumber(countKey(a, label), uint64(int64(n)+by))
	}
	for _, label := range before {
		if !slices.Contains(after, label) {
			if err := step(label, -1); err != nil {
				return err
			}
		}
	}
	for _, label := range after {
		if !slices.Contains(before, label) {
			if err := step(label, +1); err != nil {
				return err
			}
		}
	}
	return nil
}

// RemoveMessage removes a message for good, and its bytes if nobody else uses them; what the
// journal keeps is that there was one. One that is damaged is removed all the same.
func (tx *Tx) RemoveMessage(a AccountID, id MessageID) error {
	m, err := tx.Message(a, id)
	lost := damaged(err) // it, or what it had: nobody knows what of it was counted
	if lost {
		m.Blob, _, err = tx.blobOf(a, id)
	}
	if err != nil {
		return err
	}
	row, stored, err := tx.labelRow(Ref{a, id})
	if err != nil && !damaged(err) {
		return err
	}
	lost = lost || err != nil
	err = nil
	if stored && row.added != 0 {
		for _, seq := range row.numbers() {
			err = errors.Join(err, tx.supersede(Ref{a, id}, seq))
		}
	} else {
		err = tx.supersedeAllBut(Ref{a, id})
	}
	err = errors.Join(
		err,
		tx.delete(messageKey(tableMessage, a, id)),
		tx.delete(messageKey(tableLabels, a, id)),
		tx.dropBlobUser(m.Blob, messageUser(a, id)),
		tx.journal(Change{Kind: ChangeRemoved, Account: a, Message: id}),
	)
	if err != nil || lost {
		return firstOf(err, tx.recount(a), tx.growAnew(a))
	}
	return errors.Join(tx.count(a, withTotal(row.labels), nil), tx.grow(a, -m.Size))
}
