package index

import (
	"encoding/binary"

	"github.com/dgraph-io/badger/v4"

	"cairn/mailstore"
)

// forgetAtOnce is how many keys are gathered before they are deleted.
const forgetAtOnce = 10_000

// forgetAll finishes what a crash may have interrupted.
func (ix *Index) forgetAll() error {
	if err := ix.enter(); err != nil {
		return err
	}
	defer ix.gate.Leave()
	accounts := make(map[mailstore.AccountID]bool)
	err := ix.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{tableRemoved}})
		defer it.Close()
		for it.Seek([]byte{tableRemoved}); it.Valid(); {
			account := mailstore.AccountID(binary.BigEndian.Uint32(it.Item().Key()[1:]))
			accounts[account] = true
			it.Seek(documentKey(tableRemoved, account, ^mailstore.MessageID(0)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return ix.forget(accounts)
}

// forget drops the postings of accounts in which no message is left, so that no word of theirs
// stays behind.
func (ix *Index) forget(accounts map[mailstore.AccountID]bool) error {
	for account := range accounts {
		for again := true; again; {
			doomed, err := ix.leftovers(account)
			if err != nil {
				return err
			}
			bytes := int64(0)
			for _, key := range doomed {
				bytes += int64(len(key)) + perEntry
			}
			if err := ix.checkRoom(bytes); err != nil {
				return err
			}
			w := &writer{db: ix.db, txn: ix.db.NewTransaction(true)}
			for _, key := range doomed {
				if err := w.set(key, nil); err != nil {
					w.txn.Discard()
					return err
				}
			}
			if err := writeError(w.txn.Commit()); err != nil {
				return err
			}
			again = len(doomed) == forgetAtOnce
		}
	}
	return nil
}

// leftovers returns keys to delete; none if the account has messages. Marks of removed messages
// come last, since they hide the postings.
func (ix *Index) leftovers(account mailstore.AccountID) (doomed [][]byte, err error) {
	err = ix.db.View(func(txn *badger.Txn) error {
		used := false
		err := scan(txn, accountKey(tableDocument, account), false, func([]byte, []byte) bool {
			used = true
			return false
		})
		if err != nil || used {
			return err
		}
		for _, table := range []byte{tableText, tableRemoved} {
			err := scan(txn, accountKey(table, account), false, func(key, _ []byte) bool {
				doomed = append(doomed, append([]byte(nil), key...))
				return len(doomed) < forgetAtOnce
			})
			if err != nil || len(doomed) == forgetAtOnce {
				return err
			}
		}
		return nil
	})
	return doomed, err
}
