package mailstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// What is damaged and follows from the rest is made anew where it is read, so that the store goes
// on with what is sound. It takes as long as reading what it follows from. Writing it, or
// [Store.Check] with repair, stores it again.

func damaged(err error) bool { return errors.Is(err, ErrDamaged) }

// missing makes an error of ErrNotFound where something else that is stored says that the value of
// key has to be there.
func (r *Reader) missing(err error, key []byte, why func() (bool, error)) error {
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	if is, failed := why(); failed != nil || !is {
		return firstOf(failed, err)
	}
	return r.src.damaged(key, "it is not there")
}

// blobIsUsed tells whether anybody uses a blob, of the users from one on.
func (r *Reader) blobIsUsed(blob [32]byte, from []byte) (used bool, err error) {
	err = r.src.walk(blobUserKey(blob, nil), blobUserKey(blob, from), func(_, _ []byte, _ *DamagedError) bool {
		used = true
		return false
	})
	return used, err
}

// blobOf finds the blob of a message by its users. It reads all of them.
func (r *Reader) blobOf(a AccountID, id MessageID) (blob [32]byte, found bool, err error) {
	user := string(messageUser(a, id))
	err = r.src.walk([]byte{tableBlobUser}, nil, func(key, _ []byte, _ *DamagedError) bool {
		if len(key) > 33 && string(key[33:]) == user {
			copy(blob[:], key[1:])
			found = true
		}
		return !found
	})
	return blob, found, err
}

// wasRemoved reports whether a message that is not there was surely removed, and is not lost:
// either nothing uses a text for it and its number was given out, or the journal tells it.
func (r *Reader) wasRemoved(ref Ref) (removed bool, err error) {
	_, used, err := r.blobOf(ref.Account, ref.Message)
	if err == nil && !used {
		removed, err = r.wasGiven(ref)
	}
	if err != nil || removed {
		return removed, err
	}
	err = r.changes(0, func(c Change, bad error) bool {
		removed = bad == nil && c.Kind == ChangeRemoved && c.Ref() == ref
		return !removed
	})
	return removed, err
}

// wasGiven reports whether the number of a message was given out; those of a removed account were.
func (r *Reader) wasGiven(ref Ref) (bool, error) {
	next, err := r.nextMessage(ref.Account)
	if err != nil || ref.Message < next {
		return err == nil, err
	}
	for _, table := range []byte{tableAccount, tableDoomed} {
		if there, err := r.src.has(accountKey(table, ref.Account)); there || err != nil {
			return false, err
		}
	}
	nextAccount, err := r.nextAccount()
	return err == nil && ref.Account < nextAccount, err
}

// accountOf makes an account of the name and the addresses that lead to it.
func (r *Reader) accountOf(id AccountID) (Account, error) {
	a := Account{ID: id}
	for _, table := range []byte{tableName, tableAddress} {
		err := scan(r.src, []byte{table}, nil, func(key, value []byte) bool {
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
			return Account{}, err
		}
	}
	if a.Name == "" {
		return Account{}, fmt.Errorf("no name leads to account %d: %w", id, ErrDamaged)
	}
	return a, nil
}

// accountWith returns the number of the account that has a name or address by its own value; key is
// of either.
func (r *Reader) accountWith(key []byte) (AccountID, error) {
	var id AccountID
	text := string(key[1:])
	err := scan(r.src, []byte{tableAccount}, nil, func(at, value []byte) bool {
		a, err := decodeAccount(AccountID(binary.BigEndian.Uint32(at[1:])), value)
		if err == nil && (key[0] == tableName && a.Name == text || key[0] == tableAddress && slices.Contains(a.Addresses, text)) {
			id = a.ID
		}
		return id == 0
	})
	if id != 0 {
		return id, nil
	}
	return 0, firstOf(err, r.src.damaged(key, "no account has it"))
}

// countLabels counts what the counters of an account should say.
func (r *Reader) countLabels(a AccountID) (map[string]uint64, error) {
	counts := make(map[string]uint64)
	var list []MessageID
	err := r.src.walk(accountKey(tableMessage, a), nil, func(key, _ []byte, _ *DamagedError) bool {
		list = append(list, MessageID(binary.BigEndian.Uint64(key[5:])))
		return true
	})
	if err != nil {
		return nil, err
	}
	for _, id := range list {
		labels, err := r.Labels(a, id)
		if err != nil && !damaged(err) { // nobody knows those that are
			return nil, err
		}
		for _, l := range withTotal(labels) {
			counts[l]++
		}
	}
	return counts, nil
}

// lastGiven reads the last number that was given out for the keys of one table. It is damaged too
// if the next key is there, or any while it is 0: in a block of a table that is damaged the number
// may be hidden, or its latest version.
func (r *Reader) lastGiven(number []byte, key func(uint64) []byte) (last uint64, err error) {
	if last, err = r.number(number); err != nil {
		return 0, err
	}
	next := key(last + 1)
	var used bool
	if last > 0 {
		used, err = r.src.has(next)
	} else {
		err = r.src.walk(next[:len(next)-8], nil, func(_, _ []byte, _ *DamagedError) bool {
			used = true
			return false
		})
	}
	if err == nil && used {
		err = r.src.damaged(number, "what has a later number is there")
	}
	return last, err
}

// nextMessage returns the number of the next message of an account.
func (r *Reader) nextMessage(a AccountID) (MessageID, error) {
	n, err := r.lastGiven(accountKey(tableLastID, a), func(n uint64) []byte { return messageKey(tableMessage, a, MessageID(n)) })
	last := MessageID(n)
	if damaged(err) {
		last, err = r.lastMessage(a)
	}
	return last + 1, err
}

// nextAccount returns the number of the next account.
func (r *Reader) nextAccount() (AccountID, error) {
	n, err := r.number(metaLastAccount)
	last := AccountID(n)
	used := damaged(err)
	for _, table := range []byte{tableAccount, tableDoomed} {
		if err != nil {
			break
		}
		from := accountKey(table, last+1) // none is behind the last one
		err = r.src.walk([]byte{table}, from, func(_, _ []byte, _ *DamagedError) bool {
			used = true
			return false
		})
	}
	if used {
		last, err = r.lastAccount()
	}
	return last + 1, err
}

// lastMessage returns the highest number that a message of the account has, or had by the journal.
// Where that was trimmed it is one that is not below: each message was a change.
func (r *Reader) lastMessage(a AccountID) (last MessageID, err error) {
	trimmed, err := r.Trimmed()
	if err == nil && trimmed > 0 {
		var end ModSeq
		end, err = r.ModSeq()
		last = MessageID(max(end, trimmed))
	}
	if err != nil {
		return 0, err
	}
	err = r.src.walk(accountKey(tableMessage, a), nil, func(key, _ []byte, _ *DamagedError) bool {
		last = max(last, MessageID(binary.BigEndian.Uint64(key[5:])))
		return true
	})
	if err != nil {
		return 0, err
	}
	err = r.changes(0, func(c Change, bad error) bool {
		if bad == nil && c.Account == a {
			last = max(last, c.Message)
		}
		return true
	})
	return last, err
}

// skippedAccounts is how many numbers are left out where the last one is not known: removed
// accounts may have had them.
const skippedAccounts = 100

// lastAccount returns a number that is not below any that an account has, or had.
func (r *Reader) lastAccount() (AccountID, error) {
	var last AccountID
	for _, table := range []byte{tableAccount, tableDoomed, tableLastID, tableMessage} {
		err := r.src.walk([]byte{table}, nil, func(key, _ []byte, _ *DamagedError) bool {
			last = max(last, AccountID(binary.BigEndian.Uint32(key[1:])))
			return true
		})
		if err != nil {
			return 0, err
		}
	}
	err := r.changes(0, func(c Change, bad error) bool {
		if bad == nil {
			last = max(last, c.Account)
		}
		return true
	})
	return last + skippedAccounts, err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
