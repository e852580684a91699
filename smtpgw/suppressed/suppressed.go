// Package suppressed keeps the addresses that an account's mail is not taken for. Mail to an
// address that its server says is gone for good is refused for some time: whoever goes on sending
// to such addresses is soon taken for a spammer, and the sender knows at once.
package suppressed

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/smtpgw/address"
)

// space holds these addresses, as JSON. Accounts are u32, big-endian:
//
//	account, address in lower case -> Entry
//	account 0, account             -> listCount
const space = "suppressed"

const (
	version = 1
	// Max is how many addresses are on the list of an account.
	Max = 10_000
	// maxWhy bounds the reply that is kept, in octets.
	maxWhy = 300
)

// Entry is an address that an account's mail is not taken for.
type Entry struct {
	Version int                 `json:"version"`
	Account mailstore.AccountID `json:"account"`
	Address string              `json:"address"`
	Since   time.Time           `json:"since"` // UTC, whole seconds
	Until   time.Time           `json:"until"` // UTC, whole seconds: it expires by itself
	Why     string              `json:"why"`   // the reply of its server; empty: it was put there by hand
}

// listCount is how long the list of an account is, so that a bulk sender's thousandth address
// costs no more than the first one. Without it the list is counted.
type listCount struct {
	Version int       `json:"version"`
	Count   int       `json:"count"`
	Next    time.Time `json:"next"` // UTC: no address expires before it
}

// Errors that callers decide on with errors.Is.
var (
	// ErrFull: the list of the account has Max addresses.
	ErrFull = errors.New("the list of suppressed addresses is full")
	// ErrOwn: the address is at a domain of this organisation.
	ErrOwn = errors.New("addresses of this organisation are not suppressed")

	errStored = errors.New("a suppressed address is damaged or of a newer version: " + mailstore.NextCheck)
)

func keyOf(account mailstore.AccountID, m address.Mailbox) []byte {
	return append(prefixOf(account), m.Key()...)
}

func prefixOf(account mailstore.AccountID) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(account))
}

func countKey(account mailstore.AccountID) []byte {
	return append(prefixOf(0), prefixOf(account)...)
}

func decode(b []byte) (s Entry, err error) {
	if err := json.Unmarshal(b, &s); err != nil || s.Version != version || s.Address == "" {
		return Entry{}, errStored
	}
	return s, nil
}

// Put puts an address on an account's list, in the place of what it says of it. A full list
// loses what has expired.
func Put(tx *mailstore.Tx, m address.Mailbox, s Entry) error {
	s.Version, s.Address = version, m.String()
	s.Since, s.Until = s.Since.UTC().Truncate(time.Second), s.Until.UTC().Truncate(time.Second)
	if len(s.Why) > maxWhy {
		s.Why = strings.ToValidUTF8(s.Why[:maxWhy], "")
	}
	sp := tx.Space(space)
	key := keyOf(s.Account, m)
	known, err := sp.Has(key)
	if err != nil {
		return err
	}
	list, err := count(sp, s.Account)
	if err == nil && !known && list.Count >= Max && !s.Since.Before(list.Next) {
		list, err = dropExpired(sp, s.Account, s.Since)
	}
	if err != nil {
		return err
	}
	if !known {
		if list.Count >= Max {
			return ErrFull
		}
		list.Count++
	}
	list.expires(s.Until)
	return errors.Join(sp.PutJSON(key, s), sp.PutJSON(countKey(s.Account), list))
}

// expires notes that an address does.
func (c *listCount) expires(at time.Time) {
	if c.Next.IsZero() || at.Before(c.Next) {
		c.Next = at
	}
}

// count is how long the list of an account is.
func count(sp mailstore.Space, account mailstore.AccountID) (c listCount, err error) {
	b, err := sp.Get(countKey(account))
	if err == nil && json.Unmarshal(b, &c) == nil && c.Version == version {
		return c, nil
	}
	if err != nil && !errors.Is(err, mailstore.ErrNotFound) && !errors.Is(err, mailstore.ErrDamaged) {
		return c, err
	}
	return dropExpired(sp, account, time.Time{})
}

// dropExpired takes off an account's list what has expired, and tells how long it is then.
func dropExpired(sp mailstore.Space, account mailstore.AccountID, now time.Time) (c listCount, err error) {
	c.Version = version
	var gone [][]byte
	err = sp.Scan(prefixOf(account), nil, func(key, value []byte) bool {
		s, err := decode(value)
		if err == nil && s.Until.Before(now) {
			gone = append(gone, append([]byte(nil), key...))
			return true
		}
		c.Count++
		if err == nil {
			c.expires(s.Until)
		}
		return true
	})
	for _, key := range gone {
		err = errors.Join(err, sp.Delete(key))
	}
	if err != nil {
		return c, err
	}
	return c, sp.PutJSON(countKey(account), c)
}

// Sweep takes off the lists what has expired.
func Sweep(tx *mailstore.Tx, now time.Time) error {
	sp := tx.Space(space)
	var due []mailstore.AccountID
	err := sp.Scan(prefixOf(0), nil, func(key, value []byte) bool {
		var c listCount
		if len(key) == 8 && json.Unmarshal(value, &c) == nil && c.Count > 0 && c.Next.Before(now) {
			due = append(due, mailstore.AccountID(binary.BigEndian.Uint32(key[4:])))
		}
		return true
	})
	for _, account := range due {
		if err == nil {
			_, err = dropExpired(sp, account, now)
		}
	}
	return err
}

// uncount has the list of an account counted when that is needed next.
func uncount(sp mailstore.Space, account mailstore.AccountID) error {
	key := countKey(account)
	if known, err := sp.Has(key); err != nil || !known {
		return err
	}
	return sp.Delete(key)
}

// Find returns what an account's list says of an address at a time, nil if nothing.
func Find(r *mailstore.Reader, account mailstore.AccountID, m address.Mailbox, now time.Time) (*Entry, error) {
	b, err := r.Space(space).Get(keyOf(account, m))
	if errors.Is(err, mailstore.ErrNotFound) || errors.Is(err, mailstore.ErrDamaged) {
		return nil, nil // mail is not refused for what nobody knows
	}
	if err != nil {
		return nil, err
	}
	s, err := decode(b)
	if err != nil || !now.Before(s.Until) {
		return nil, nil
	}
	return &s, nil
}

// List lists the addresses on the list at a time, by account and address: of one account,
// or with 0 of all.
func List(r *mailstore.Reader, account mailstore.AccountID, now time.Time) (all []Entry, err error) {
	var prefix []byte
	if account != 0 {
		prefix = prefixOf(account)
	}
	err = r.Space(space).Scan(prefix, nil, func(_, value []byte) bool {
		if s, err := decode(value); err == nil && now.Before(s.Until) {
			all = append(all, s)
		}
		return true
	})
	return all, err
}

// RemoveAll takes all addresses off an account's list, for when it is removed.
func RemoveAll(tx *mailstore.Tx, account mailstore.AccountID) error {
	sp := tx.Space(space)
	var keys [][]byte
	err := sp.Keys(prefixOf(account), nil, func(key []byte) bool {
		keys = append(keys, append([]byte(nil), key...))
		return true
	})
	for _, key := range keys {
		err = errors.Join(err, sp.Delete(key))
	}
	return errors.Join(err, uncount(sp, account))
}

// Get is what an account's list says of an address, whether that has expired or not.
func Get(r *mailstore.Reader, account mailstore.AccountID, m address.Mailbox) (Entry, error) {
	b, err := r.Space(space).Get(keyOf(account, m))
	if err != nil {
		return Entry{}, err
	}
	return decode(b)
}

// Remove takes an address off an account's list; mailstore.ErrNotFound when it is not there.
func Remove(tx *mailstore.Tx, account mailstore.AccountID, m address.Mailbox) error {
	sp := tx.Space(space)
	if known, err := sp.Has(keyOf(account, m)); err != nil || !known {
		return errors.Join(err, mailstore.ErrNotFound)
	}
	return errors.Join(sp.Delete(keyOf(account, m)), uncount(sp, account))
}

// MapCheck is what a check of the store is to know of the lists.
func MapCheck() mailstore.MapCheck {
	return mailstore.MapCheck{Space: space, MendOf: mend, DoneOf: func(key []byte) string {
		if bytes.HasPrefix(key, prefixOf(0)) {
			return "" // it is counted anew
		}
		return "an address is not on the list of suppressed ones any more"
	}}
}

// mend returns what takes a damaged address off the list, or how long that is, which is
// counted anew.
func mend(key []byte) func(tx *mailstore.Tx) error {
	return mailstore.IfThere(space, key, func(sp mailstore.Space) error {
		err := sp.Delete(key)
		if bytes.HasPrefix(key, prefixOf(0)) || len(key) < 4 {
			return err
		}
		return errors.Join(err, uncount(sp, mailstore.AccountID(binary.BigEndian.Uint32(key))))
	})
}
