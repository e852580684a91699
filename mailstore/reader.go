package mailstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// source is an ordered map as a Reader sees it: a snapshot, or a snapshot under the writes of a
// transaction.
type source interface {
	// damaged makes the error of a value that was found damaged at a read.
	damaged(key []byte, why string) *DamagedError
	// get returns a copy of the value, or ErrNotFound, or a DamagedError.
	get(key []byte) ([]byte, error)
	has(key []byte) (bool, error)
	// peek calls fn with the value of a blob, which is valid only during the call; size is that
	// value's size, as far as it is known without reading it.
	peek(key []byte, fn func(value []byte)) error
	size(key []byte) (int64, error)
	// holds tells whether the key is there, and whether its value can be read and is this one.
	holds(key, value []byte) (found, same bool, err error)
	// walk calls fn in key order for each key that has the prefix and is not below from, until fn
	// returns false. Key and value are valid only during the call; of a damaged value bad is set
	// instead. fn may read and write.
	walk(prefix, from []byte, fn func(key, value []byte, bad *DamagedError) bool) error
}

// scan calls fn as walk does, but not for damaged values: the first of them is the error, at the
// end, unless fn had ended it.
func scan(src source, prefix, from []byte, fn func(key, value []byte) bool) error {
	var damaged *DamagedError
	err := src.walk(prefix, from, func(key, value []byte, bad *DamagedError) bool {
		if bad == nil {
			return fn(key, value)
		}
		if damaged == nil {
			damaged = bad
		}
		return true
	})
	if err == nil && damaged != nil {
		return damaged
	}
	return err
}

// Reader reads one consistent state of the store. It is valid only inside the function that it is
// given to, and there for one goroutine. What it returns belongs to the caller.
type Reader struct{ src source }

// StoreID names this store: random, made with it. A follower that finds another one starts over.
func (r *Reader) StoreID() (id [16]byte, err error) {
	b, err := r.src.get(metaStoreID)
	if err != nil {
		return id, fmt.Errorf("mailstore: store id: %w", err)
	}
	copy(id[:], b)
	return id, nil
}

// ModSeq returns the number of the last change, 0 when there was none.
func (r *Reader) ModSeq() (ModSeq, error) {
	n, err := r.lastGiven(metaModSeq, func(n uint64) []byte { return journalKey(ModSeq(n)) })
	if damaged(err) {
		return r.lastChange()
	}
	return ModSeq(n), err
}

// number reads a counter; one that was never written is 0.
func (r *Reader) number(key []byte) (uint64, error) {
	b, err := r.src.get(key)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return decodeUint64(b)
}

// Account returns an account by number, or ErrNotFound.
func (r *Reader) Account(id AccountID) (Account, error) {
	b, err := r.src.get(accountKey(tableAccount, id))
	if damaged(err) {
		return r.accountOf(id)
	}
	if err != nil {
		return Account{}, fmt.Errorf("account %d: %w", id, err)
	}
	return decodeAccount(id, b)
}

// AccountByName returns the account of that name, or ErrNotFound. Case tells no names apart; but
// stores of older versions may have two that differ in nothing else, and each of these has to be
// named exactly.
func (r *Reader) AccountByName(name string) (Account, error) {
	a, err := r.accountAt(textKey(tableName, name), name)
	if !errors.Is(err, ErrNotFound) {
		return a, err
	}
	names, scanErr := r.namesLike(name)
	if scanErr != nil || len(names) != 1 {
		return a, errors.Join(scanErr, err)
	}
	return r.accountAt(textKey(tableName, names[0]), name)
}

// namesLike returns the names of accounts that are name but for the case of letters.
func (r *Reader) namesLike(name string) (names []string, err error) {
	err = r.src.walk([]byte{tableName}, nil, func(key, _ []byte, _ *DamagedError) bool {
		if found := string(key[1:]); strings.EqualFold(found, name) {
			names = append(names, found)
		}
		return true
	})
	return names, err
}

// AccountByAddress returns the account that addr delivers to, or ErrNotFound. The address need not
// be canonical; one that is no address at all is an error of its own.
func (r *Reader) AccountByAddress(addr string) (Account, error) {
	canonical, err := CanonicalAddress(addr)
	if err != nil {
		return Account{}, err
	}
	return r.accountAt(textKey(tableAddress, canonical), canonical)
}

// AccountFor returns the account that gets mail for addr, or ErrNotFound: the one that has the
// address, or else the address without its detail, of which a sub-address is alice+detail@ (RFC
// 5233).
func (r *Reader) AccountFor(addr string) (Account, error) {
	a, err := r.AccountByAddress(addr)
	if base, ok := withoutDetail(addr); ok && errors.Is(err, ErrNotFound) {
		return r.AccountByAddress(base)
	}
	return a, err
}

// withoutDetail is the address that a sub-address is one of.
func withoutDetail(addr string) (base string, ok bool) {
	at := strings.LastIndexByte(addr, '@')
	plus := strings.IndexByte(addr, '+')
	if plus <= 0 || plus >= at {
		return "", false
	}
	return addr[:plus] + addr[at:], true
}

func (r *Reader) accountAt(key []byte, what string) (Account, error) {
	id, err := r.number(key)
	if damaged(err) {
		var a AccountID
		a, err = r.accountWith(key)
		id = uint64(a)
	}
	if err == nil && id == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Account{}, fmt.Errorf("account %q: %w", what, err)
	}
	return r.Account(AccountID(id))
}

// Accounts returns all accounts by ascending number.
func (r *Reader) Accounts() ([]Account, error) {
	var list []Account
	var failed error
	err := r.src.walk([]byte{tableAccount}, nil, func(key, value []byte, bad *DamagedError) bool {
		id := AccountID(binary.BigEndian.Uint32(key[1:]))
		var a Account
		if bad != nil {
			a, failed = r.accountOf(id)
		} else {
			a, failed = decodeAccount(id, value)
		}
		list = append(list, a)
		return failed == nil
	})
	return list, errors.Join(err, failed)
}

// Message returns one message, or ErrNotFound.
func (r *Reader) Message(a AccountID, id MessageID) (Message, error) {
	key := messageKey(tableMessage, a, id)
	b, err := r.src.get(key)
	if err != nil {
		err = r.missing(err, key, func() (bool, error) { return r.src.has(messageKey(tableLabels, a, id)) })
		return Message{}, fmt.Errorf("message %d of account %d: %w", id, a, err)
	}
	return decodeMessage(a, id, b)
}

// Messages returns up to so many messages of an account by ascending number, beginning with from.
// Those that are damaged are left out, and the first of them is the error beside the others.
func (r *Reader) Messages(a AccountID, from MessageID, most int) ([]Message, error) {
	var list []Message
	var bad error
	if most <= 0 {
		return nil, nil
	}
	err := scan(r.src, accountKey(tableMessage, a), messageKey(tableMessage, a, from), func(key, value []byte) bool {
		var m Message
		m, bad = decodeMessage(a, MessageID(binary.BigEndian.Uint64(key[5:])), value)
		list = append(list, m)
		return bad == nil && len(list) < most
	})
	return list, errors.Join(err, bad)
}

// Raw returns the bytes of a blob, or ErrNotFound. They are those that were stored: their SHA-256
// is held, else it is a [DamagedError], also if the bytes are gone and somebody uses them.
func (r *Reader) Raw(blob [32]byte) ([]byte, error) {
	b, err := r.src.get(blobKey(blob))
	if err != nil {
		err = r.missing(err, blobKey(blob), func() (bool, error) { return r.blobIsUsed(blob, nil) })
		return nil, fmt.Errorf("blob %x: %w", blob[:8], err)
	}
	return b, nil
}

// Labels returns the labels of a message, sorted, or ErrNotFound if there is no such message.
func (r *Reader) Labels(a AccountID, id MessageID) ([]string, error) {
	row, _, err := r.labelRow(Ref{a, id})
	return row.labels, err
}

// LabelCounts returns how many messages of an account have each label. Labels that no message has
// are not in it.
func (r *Reader) LabelCounts(a AccountID) (map[string]int, error) {
	all, err := r.counts(a)
	counts := make(map[string]int, len(all))
	for label, n := range all {
		if label != total && n > 0 {
			counts[label] = int(n)
		}
	}
	return counts, err
}

// counts reads the counters of an account; damaged ones are counted anew.
func (r *Reader) counts(a AccountID) (map[string]uint64, error) {
	counts := make(map[string]uint64)
	var failed error
	err := scan(r.src, accountKey(tableCount, a), nil, func(key, value []byte) bool {
		counts[string(key[5:])], failed = decodeUint64(value)
		return failed == nil
	})
	if err = firstOf(err, failed); damaged(err) {
		return r.countLabels(a)
	}
	return counts, err
}

// MessageCount returns how many messages an account has.
func (r *Reader) MessageCount(a AccountID) (int, error) {
	n, err := r.number(countKey(a, total))
	if damaged(err) {
		var counts map[string]uint64
		counts, err = r.countLabels(a)
		n = counts[total]
	}
	return int(n), err
}
