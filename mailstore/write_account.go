package mailstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

// AddAccount makes an account. The name has 1 to 64 bytes of printable text; addresses may be given
// in any form. A name, in whatever case, or address that is taken yields ErrExists.
func (tx *Tx) AddAccount(name string, addresses []string) (Account, error) {
	if err := CheckAccountName(name); err != nil {
		return Account{}, err
	}
	if names, err := tx.namesLike(name); err != nil {
		return Account{}, err
	} else if len(names) > 0 {
		return Account{}, fmt.Errorf("account %q: %w", names[0], ErrExists)
	}
	set, err := canonicalAddresses(addresses)
	if err != nil {
		return Account{}, err
	}
	id, err := tx.nextAccount()
	if err != nil {
		return Account{}, err
	}
	a := Account{ID: id, Name: name}
	if err := tx.moveAddresses(a, set); err != nil {
		return Account{}, err
	}
	a.Addresses = set
	return a, errors.Join(
		tx.putNumber(metaLastAccount, uint64(a.ID)),
		tx.put(textKey(tableName, name), accountNumber(a.ID)),
		tx.put(accountKey(tableAccount, a.ID), encodeAccount(a)),
	)
}

// SetAddresses replaces the addresses of an account.
func (tx *Tx) SetAddresses(id AccountID, addresses []string) error {
	a, err := tx.Account(id)
	if err != nil {
		return err
	}
	set, err := canonicalAddresses(addresses)
	if err != nil {
		return err
	}
	if err := tx.moveAddresses(a, set); err != nil {
		return err
	}
	a.Addresses = set
	return tx.put(accountKey(tableAccount, id), encodeAccount(a))
}

// moveAddresses makes set the addresses that lead to account a, in place of a.Addresses.
func (tx *Tx) moveAddresses(a Account, set []string) error {
	for _, addr := range set {
		if slices.Contains(a.Addresses, addr) {
			continue
		}
		key := textKey(tableAddress, addr)
		if found, err := tx.src.has(key); err != nil {
			return err
		} else if found {
			return fmt.Errorf("address %q: %w", addr, ErrExists)
		}
		if err := tx.put(key, accountNumber(a.ID)); err != nil {
			return err
		}
	}
	for _, addr := range a.Addresses {
		if !slices.Contains(set, addr) {
			if err := tx.delete(textKey(tableAddress, addr)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweepAtOnce is how many messages of a removed account go in one transaction.
const sweepAtOnce = 500

// RemoveAccount removes an account with all its mail; each message gets its journal entry. The
// account, its name and its addresses are gone with this transaction. Of a large account the rest
// of the mail follows in transactions of its own, also after a restart.
func (tx *Tx) RemoveAccount(id AccountID) error {
	a, err := tx.Account(id)
	if err != nil {
		return err
	}
	err = errors.Join(
		tx.moveAddresses(a, nil),
		tx.delete(textKey(tableName, a.Name)),
		tx.delete(accountKey(tableAccount, id)),
		tx.dropSettings(id),
		tx.CountUsedNoMore(id),
		tx.put(accountKey(tableDoomed, id), nil),
	)
	if err != nil {
		return err
	}
	return tx.sweep(id)
}

// sweep removes some messages of a removed account, and the last traces of the account with the
// last of them.
func (tx *Tx) sweep(id AccountID) error {
	doomed, err := tx.src.has(accountKey(tableDoomed, id))
	if err != nil || !doomed {
		return err
	}
	list, err := tx.messageIDs(id, sweepAtOnce)
	if err != nil {
		return err
	}
	for _, m := range list {
		if err := tx.RemoveMessage(id, m); err != nil {
			return err
		}
	}
	if len(list) == sweepAtOnce {
		tx.swept = true
		return nil
	}
	return errors.Join(tx.delete(accountKey(tableLastID, id)), tx.delete(accountKey(tableDoomed, id)))
}

// messageIDs returns the numbers of up to so many messages of an account, damaged ones too.
func (r *Reader) messageIDs(a AccountID, most int) (list []MessageID, err error) {
	err = r.src.walk(accountKey(tableMessage, a), nil, func(key, _ []byte, _ *DamagedError) bool {
		list = append(list, MessageID(binary.BigEndian.Uint64(key[5:])))
		return len(list) < most
	})
	return list, err
}

// doomed returns a removed account that still has mail, or 0.
func (r *Reader) doomed() (id AccountID, err error) {
	err = r.src.walk([]byte{tableDoomed}, nil, func(key, _ []byte, _ *DamagedError) bool {
		id = AccountID(binary.BigEndian.Uint32(key[1:]))
		return false
	})
	return id, err
}

func accountNumber(id AccountID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

// CheckAccountName returns an error if name cannot name an account: 1 to 64 bytes of printable
// text.
func CheckAccountName(name string) error {
	if name == "" || len(name) > 64 || !utf8.ValidString(name) {
		return fmt.Errorf("account name %q: use 1 to 64 bytes of UTF-8 text", name)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("account name %q has a character that cannot be printed", name)
		}
	}
	return nil
}

func canonicalAddresses(addresses []string) ([]string, error) {
	set := make([]string, 0, len(addresses))
	for _, addr := range addresses {
		canonical, err := CanonicalAddress(addr)
		if err != nil {
			return nil, err
		}
		set = append(set, canonical)
	}
	slices.Sort(set)
	return slices.Compact(set), nil
}
