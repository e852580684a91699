package mailstore

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

func damaged(err error) bool { return errors.Is(err, ErrDamaged) }

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
	}
	switch {
	case bytes.Equal(key, metaLastAccount):
		return func(tx *Tx) error { return tx.mendLastAccount() }
	case bytes.Equal(key, metaModSeq):
		return func(tx *Tx) error { return tx.putNumber(metaModSeq, uint64(tx.modseq)) }
	case bytes.Equal(key, metaStoreID): // followers start over
		return func(tx *Tx) error {
			id := make([]byte, 16)
			rand.Read(id)
			return tx.put(metaStoreID, id)
		}
	}
	return nil
}

// mendLabels takes the labels of a message from the last change of them in the journal.
func (c *check) mendLabels(a AccountID, id MessageID) func(tx *Tx) error {
	return func(tx *Tx) error {
		var labels []string
		known, lost := false, false
		err := c.base.walk([]byte{tableJournal}, nil, func(key, value []byte, bad *DamagedError) bool {
			change, err := decodeChange(0, value)
			switch {
			case bad != nil || err != nil:
				lost = true
			case change.Account == a && change.Message == id:
				labels, known, lost = change.Labels, change.Kind != ChangeRemoved, false
			}
			return true
		})
		if err != nil {
			return err
		}
		if !known || lost {
			return errors.New("the journal does not tell what they were")
		}
		if there, err := tx.src.has(messageKey(tableMessage, a, id)); err != nil || !there {
			return err
		}
		if _, err := tx.Labels(a, id); err == nil {
			return nil
		}
		return tx.put(messageKey(tableLabels, a, id), encodeLabels(labels))
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

// countLabels counts what the counters of an account should say.
func (r *Reader) countLabels(a AccountID) (map[string]uint64, error) {
	counts := make(map[string]uint64)
	err := r.src.walk(accountKey(tableMessage, a), nil, func(_, _ []byte, _ *DamagedError) bool {
		counts[total]++
		return true
	})
	if err != nil {
		return nil, err
	}
	var failed error
	err = scan(r.src, accountKey(tableLabels, a), nil, func(_, value []byte) bool {
		var labels []string
		labels, failed = decodeLabels(value)
		for _, l := range labels {
			counts[l]++
		}
		return failed == nil
	})
	return counts, firstOf(err, failed)
}

// mendBlobUser notes that a message uses its blob, if it is still there.
func (tx *Tx) mendBlobUser(m Message) error {
	there, err := tx.src.has(messageKey(tableMessage, m.Account, m.ID))
	if err != nil || !there {
		return err
	}
	return tx.put(blobUserKey(m.Blob, messageUser(m.Account, m.ID)), nil)
}

// mendLastID sets the last message number of an account to the highest that it has, or had by the journal.
func (tx *Tx) mendLastID(a AccountID) error {
	var last MessageID
	err := tx.src.walk(accountKey(tableMessage, a), nil, func(key, _ []byte, _ *DamagedError) bool {
		if len(key) == 13 {
			last = max(last, MessageID(binary.BigEndian.Uint64(key[5:])))
		}
		return true
	})
	if err != nil {
		return err
	}
	err = tx.src.walk([]byte{tableJournal}, nil, func(_, value []byte, bad *DamagedError) bool {
		if c, err := decodeChange(0, value); bad == nil && err == nil && c.Account == a {
			last = max(last, c.Message)
		}
		return true
	})
	if err != nil {
		return err
	}
	return tx.putNumber(accountKey(tableLastID, a), uint64(last))
}

// skippedAccounts is how many numbers are left out where the last one is not known: removed accounts may have had them.
const skippedAccounts = 100

// mendLastAccount sets the last account number behind the highest that there is, or was by the journal.
func (tx *Tx) mendLastAccount() error {
	var last AccountID
	for _, table := range []byte{tableAccount, tableDoomed, tableLastID, tableMessage} {
		err := tx.src.walk([]byte{table}, nil, func(key, _ []byte, _ *DamagedError) bool {
			if len(key) >= 5 {
				last = max(last, AccountID(binary.BigEndian.Uint32(key[1:])))
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	err := tx.src.walk([]byte{tableJournal}, nil, func(_, value []byte, bad *DamagedError) bool {
		if c, err := decodeChange(0, value); bad == nil && err == nil {
			last = max(last, c.Account)
		}
		return true
	})
	if err != nil {
		return err
	}
	return tx.putNumber(metaLastAccount, uint64(last)+skippedAccounts)
}

// mendWay lets a name or address lead to the account that has it.
func (tx *Tx) mendWay(key []byte) error {
	list, err := tx.Accounts()
	if err != nil {
		return err
	}
	for _, a := range list {
		if key[0] == tableName && a.Name == string(key[1:]) || key[0] == tableAddress && slices.Contains(a.Addresses, string(key[1:])) {
			return tx.put(key, accountNumber(a.ID))
		}
	}
	return fmt.Errorf("no account has %q", key[1:])
}

// mendAccount makes an account of the name and the addresses that lead to it.
func (tx *Tx) mendAccount(id AccountID) error {
	a := Account{ID: id}
	for _, table := range []byte{tableName, tableAddress} {
		err := scan(tx.src, []byte{table}, nil, func(key, value []byte) bool {
			n, err := decodeUint64(value)
			switch {
			case err != nil || AccountID(n) != id:
			case table == tableName:
				a.Name = string(key[1:])
			default:
				a.Addresses = append(a.Addresses, string(key[1:]))
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	if a.Name == "" {
		return fmt.Errorf("no name leads to account %d", id)
	}
	return tx.put(accountKey(tableAccount, id), encodeAccount(a))
}
