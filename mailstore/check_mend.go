package mailstore

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// mendOf returns what makes a damaged value anew; nil if it does not follow from the rest.
func (c *check) mendOf(key []byte, bad *DamagedError) func(tx *Tx) error {
	switch key[0] {
	case tableCount:
		return func(tx *Tx) error { return tx.recount(bad.Account) }
	case tableLabels:
		return c.mendLabels(bad.Account, bad.Message)
	case tableBlobUser, tableDoomed: // the key is all
		return ifThere(key, func(tx *Tx) error { return tx.put(key, nil) })
	case tableLastID:
		return ifThere(key, func(tx *Tx) error { return tx.mendLastID(bad.Account) })
	case tableName, tableAddress:
		return ifThere(key, func(tx *Tx) error { return tx.mendWay(key) })
	case tableAccount:
		return ifThere(key, func(tx *Tx) error { return tx.mendAccount(bad.Account) })
	}
	switch {
	case key[0] == tableSpace:
		return c.mendOfMap(key)
	case bytes.Equal(key, metaLastAccount):
		return func(tx *Tx) error { return tx.mendLastAccount() }
	case bytes.Equal(key, metaModSeq):
		return func(tx *Tx) error { return tx.mendModSeq() }
	case bytes.Equal(key, metaTrimmed):
		return func(tx *Tx) error {
			mark, err := tx.trimMark()
			if err != nil {
				return err
			}
			return tx.putTrimMark(mark)
		}
	case bytes.Equal(key, metaStoreID):
		return func(tx *Tx) error { return tx.put(metaStoreID, c.s.mark.store[:]) }
	case bytes.Equal(key, metaUpdates): // the commit counts this one
		return func(tx *Tx) error { return tx.put(metaUpdates, c.s.mark.value()) }
	}
	return nil
}

// ifThere runs fn unless the key is gone meanwhile.
func ifThere(key []byte, fn func(tx *Tx) error) func(tx *Tx) error {
	return func(tx *Tx) error {
		if there, err := tx.src.has(key); err != nil || !there {
			return err
		}
		return fn(tx)
	}
}

// mendLabels stores the labels of a message as the journal has them, which then has nothing else of
// it. Where it has none, the message has none from now on. Those of a message that was removed go.
func (c *check) mendLabels(a AccountID, id MessageID) func(tx *Tx) error {
	ref := Ref{a, id}
	return func(tx *Tx) error {
		if there, err := tx.src.has(messageKey(tableMessage, a, id)); err != nil {
			return err
		} else if !there {
			return tx.dropStray(ref)
		}
		if _, err := storedRow(tx.src, ref); err == nil { // mended meanwhile
			return nil
		}
		row, err := tx.labelRowOf(ref)
		if err == nil {
			return c.settle(tx, ref, row)
		}
		if !damaged(err) {
			return err
		}
		c.doubt(ref, labelsLost)
		return errors.Join(tx.supersedeAllBut(ref, row.numbers()...), tx.relabel(ref, row, nil))
	}
}

// dropStray takes the labels of a message away that was removed.
func (tx *Tx) dropStray(ref Ref) error {
	if there, err := tx.src.has(messageKey(tableMessage, ref.Account, ref.Message)); err != nil || there {
		return err
	}
	removed, err := tx.wasRemoved(ref)
	if err == nil && !removed {
		err = errors.New("that message is not there, and nothing tells that it was removed")
	}
	if err != nil {
		return err
	}
	return tx.delete(messageKey(tableLabels, ref.Account, ref.Message))
}

// What is to be said of labels that were mended as far as anything tells of them.
const (
	labelsLost   = "are lost: it has none now"
	labelsFormer = "are the last that are known: later ones may be lost"
)

// doubt notes, within a mend, what is to be said of the labels of a message once that is done.
func (c *check) doubt(ref Ref, what string) {
	if c.pending == nil {
		c.pending = make(map[Ref]string)
	}
	c.pending[ref] = what
	c.recounts[ref.Account] = true
}

// labelsInDoubt tells whose labels are not surely those that they had, and counts them.
func (c *check) labelsInDoubt() error {
	for ref, last := range c.settled { // what nothing tells may have been a later change of it
		if _, told := c.doubts[ref]; !told && last < c.unowned {
			c.doubts[ref] = labelsFormer
		}
	}
	for _, a := range slices.Sorted(maps.Keys(c.recounts)) {
		if err := c.s.Update(c.ctx, func(tx *Tx) error { return tx.recount(a) }); err != nil {
			return err
		}
	}
	for _, ref := range slices.SortedFunc(maps.Keys(c.doubts), func(a, b Ref) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Message, b.Message))
	}) {
		err := c.found(Fault{
			Table: TableLabels, Account: ref.Account, Message: ref.Message, Cure: "look at that mail, and give it its labels",
			Text: fmt.Sprintf("the labels of message %d of account %d %s", ref.Message, ref.Account, c.doubts[ref]),
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// recount counts the messages of an account and their labels anew, with the writes of tx.
func (tx *Tx) recount(a AccountID) error {
	counts, err := tx.countLabels(a)
	if err != nil {
		return err
	}
	var old [][]byte
	err = tx.src.walk(accountKey(tableCount, a), nil, func(key, _ []byte, _ *DamagedError) bool {
		old = append(old, slices.Clone(key))
		return true
	})
	for _, key := range old {
		err = errors.Join(err, tx.delete(key))
	}
	for label, n := range counts {
		err = errors.Join(err, tx.putNumber(countKey(a, label), n))
	}
	return err
}

// mendBlobUser notes that a message uses its blob, if it is still there.
func (tx *Tx) mendBlobUser(m Message) error {
	there, err := tx.src.has(messageKey(tableMessage, m.Account, m.ID))
	if err != nil || !there {
		return err
	}
	return tx.put(blobUserKey(m.Blob, messageUser(m.Account, m.ID)), nil)
}

func (tx *Tx) mendLastID(a AccountID) error {
	last, err := tx.lastMessage(a)
	if err != nil {
		return err
	}
	return tx.putNumber(accountKey(tableLastID, a), uint64(last))
}

func (tx *Tx) mendLastAccount() error {
	last, err := tx.lastAccount()
	if err != nil {
		return err
	}
	return tx.putNumber(metaLastAccount, uint64(last))
}

// mendWayOf is mendWay for one that did not lead to an account, if that still has it.
func (tx *Tx) mendWayOf(key []byte, id AccountID) error {
	a, err := tx.Account(id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if text := string(key[1:]); err != nil || key[0] == tableName && a.Name != text || key[0] == tableAddress && !slices.Contains(a.Addresses, text) {
		return err
	}
	return tx.put(key, accountNumber(id))
}

// mendWay lets a name or address lead to the account that has it.
func (tx *Tx) mendWay(key []byte) error {
	id, err := tx.accountWith(key)
	if err != nil {
		return err
	}
	return tx.put(key, accountNumber(id))
}

func (tx *Tx) mendAccount(id AccountID) error {
	a, err := tx.accountOf(id)
	if err != nil {
		return err
	}
	return tx.put(accountKey(tableAccount, id), encodeAccount(a))
}
