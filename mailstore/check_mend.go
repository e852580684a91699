package mailstore

import (
	"bytes"
	"encoding/binary"
	"errors"
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
		return func(tx *Tx) error {
			if there, err := tx.src.has(key); err != nil || !there {
				return err
			}
			return tx.put(key, nil)
		}
	case tableLastID:
		return func(tx *Tx) error { return tx.mendLastID(bad.Account) }
	case tableName, tableAddress:
		return func(tx *Tx) error { return tx.mendWay(key) }
	case tableAccount:
		return func(tx *Tx) error { return tx.mendAccount(bad.Account) }
	case tableJournal:
		if len(key) == 9 {
			return func(tx *Tx) error { return tx.mendChange(ModSeq(binary.BigEndian.Uint64(key[1:]))) }
		}
	}
	switch {
	case key[0] == tableSpace:
		return c.mendOfMap(key)
	case bytes.Equal(key, metaLastAccount):
		return func(tx *Tx) error { return tx.mendLastAccount() }
	case bytes.Equal(key, metaModSeq):
		return func(tx *Tx) error { return tx.putNumber(metaModSeq, uint64(tx.modseq)) }
	case bytes.Equal(key, metaTrimmed):
		return func(tx *Tx) error {
			trimmed, err := tx.Trimmed()
			return firstOf(err, tx.putNumber(metaTrimmed, uint64(trimmed)))
		}
	case bytes.Equal(key, metaStoreID):
		return func(tx *Tx) error { return tx.put(metaStoreID, c.s.mark.store[:]) }
	case bytes.Equal(key, metaUpdates): // the commit counts this one
		return func(tx *Tx) error { return tx.put(metaUpdates, c.s.mark.value()) }
	}
	return nil
}

// mendLabels stores the labels of a message as the journal has them.
func (c *check) mendLabels(a AccountID, id MessageID) func(tx *Tx) error {
	return func(tx *Tx) error {
		if there, err := tx.src.has(messageKey(tableMessage, a, id)); err != nil || !there {
			return err
		}
		row, err := tx.labelRow(Ref{a, id})
		if err != nil {
			return err
		}
		return tx.put(messageKey(tableLabels, a, id), row.encode())
	}
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
