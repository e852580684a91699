package forwarders

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"cairn/mailstore"
)

// Limits on the entries of one account.
const (
	MaxNamed   = 200  // that the account named
	MaxLearned = 1000 // that were learned; the oldest makes room
)

// Kind says what a forwarder does.
type Kind string

// The kinds.
const (
	List    Kind = "list"    // distributes what is posted to it, and marks it
	Forward Kind = "forward" // sends on as it is
)

// Source says on whose word an entry is there.
type Source string

// The sources.
const (
	Named   Source = "account" // the account's own
	Learned Source = "learned" // from mail it sent there, or called no spam
)

// Forwarder is one entry of an account's list.
type Forwarder struct {
	Version int       `json:"version"`
	Address string    `json:"address"` // canonical: the list's posting address, or the account's old one
	Domain  string    `json:"domain"`  // A-label, of the node that sends on
	Kind    Kind      `json:"kind"`
	AddedBy Source    `json:"added_by"`
	Since   time.Time `json:"since"` // UTC, whole seconds
}

// Errors that callers decide on with errors.Is.
var (
	// ErrFull: the account has named MaxNamed forwarders.
	ErrFull = errors.New("forwarders: the list is full")
	// ErrOwn: the address is one that the account receives mail at.
	ErrOwn = errors.New("forwarders: the address is the account's own")
)

// Add puts f, named by the account, in place of an entry for the same address.
// An empty domain is that of the address. It returns the entry as stored;
// mailstore.ErrNotFound when there is no such account.
func Add(tx *mailstore.Tx, account mailstore.AccountID, f Forwarder) (Forwarder, error) {
	a, err := tx.Account(account)
	if err != nil {
		return f, err
	}
	f.AddedBy = Named
	if f, err = complete(f); err != nil {
		return f, err
	}
	for _, own := range a.Addresses {
		if own == f.Address {
			return f, fmt.Errorf("%s: %w", f.Address, ErrOwn)
		}
	}
	sp := tx.Space(space)
	if known, err := sp.Has(key(Named, account, f.Address)); err != nil {
		return f, err
	} else if !known {
		named, err := list(sp.SpaceReader, account, Named)
		if err != nil {
			return f, err
		}
		if len(named) >= MaxNamed {
			return f, ErrFull
		}
	}
	if err := forget(sp, account, f.Address); err != nil {
		return f, err
	}
	return f, put(sp, account, f)
}

// Learn notes that an account knows an address, unless there is an entry.
func Learn(tx *mailstore.Tx, account mailstore.AccountID, address string, at time.Time) error {
	f, err := complete(Forwarder{Address: address, Kind: List, AddedBy: Learned, Since: at})
	if err != nil {
		return nil // nothing that mail could come from
	}
	sp := tx.Space(space)
	if _, known, err := get(sp.SpaceReader, account, f.Address); err != nil || known {
		return err
	}
	n, err := learned(sp.SpaceReader, account)
	if err != nil {
		return err
	}
	if n >= MaxLearned {
		var oldest string
		err := sp.Scan(prefix('t', account), nil, func(key, _ []byte) bool {
			oldest = string(key[5+8:])
			return false
		})
		if err == nil {
			err = forget(sp, account, oldest)
		}
		if err != nil {
			return err
		}
		n--
	}
	return errors.Join(
		put(sp, account, f),
		sp.Put(ageKey(account, f.Since, f.Address), nil),
		sp.Put(countKey(account), binary.BigEndian.AppendUint32(nil, n+1)),
	)
}

// forget takes away what was learned about an address, if anything was.
func forget(sp mailstore.Space, account mailstore.AccountID, address string) error {
	k := key(Learned, account, address)
	b, err := sp.Get(k)
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := decode(b)
	if err != nil {
		return err
	}
	n, err := learned(sp.SpaceReader, account)
	if err != nil {
		return err
	}
	return errors.Join(
		sp.Delete(k), sp.Delete(ageKey(account, f.Since, address)),
		sp.Put(countKey(account), binary.BigEndian.AppendUint32(nil, n-min(n, 1))),
	)
}

// Remove takes an entry away and returns it; mailstore.ErrNotFound when there
// is none.
func Remove(tx *mailstore.Tx, account mailstore.AccountID, address string) (Forwarder, error) {
	canonical, err := mailstore.CanonicalAddress(address)
	if err != nil {
		return Forwarder{}, err
	}
	sp := tx.Space(space)
	f, known, err := get(sp.SpaceReader, account, canonical)
	if err != nil {
		return f, err
	}
	if !known {
		return f, fmt.Errorf("%s: %w", canonical, mailstore.ErrNotFound)
	}
	if err := forget(sp, account, canonical); err != nil {
		return f, err
	}
	return f, sp.Delete(key(Named, account, canonical))
}

// RemoveAll takes all entries of an account away, for when it is removed.
func RemoveAll(tx *mailstore.Tx, account mailstore.AccountID) error {
	sp := tx.Space(space)
	for _, table := range []byte("nlt") {
		var bad error
		err := sp.Scan(prefix(table, account), nil, func(key, _ []byte) bool {
			bad = sp.Delete(bytes.Clone(key))
			return bad == nil
		})
		if err := errors.Join(err, bad); err != nil {
			return err
		}
	}
	return sp.Delete(countKey(account))
}

// All returns the entries of an account: those it named, then those that were
// learned, each by address.
func All(rd *mailstore.Reader, account mailstore.AccountID) ([]Forwarder, error) {
	named, err := list(rd.Space(space), account, Named)
	if err != nil {
		return nil, err
	}
	learned, err := list(rd.Space(space), account, Learned)
	return append(named, learned...), err
}

// NamedBy returns the entries that the account named itself, by address.
func NamedBy(rd *mailstore.Reader, account mailstore.AccountID) ([]Forwarder, error) {
	return list(rd.Space(space), account, Named)
}

// Known returns the entry of an account for a posting address, however it came
// about.
func Known(rd *mailstore.Reader, account mailstore.AccountID, posting string) (f Forwarder, known bool, err error) {
	canonical, err := mailstore.CanonicalAddress(posting)
	if err != nil {
		return f, false, nil
	}
	return get(rd.Space(space), account, canonical)
}

// complete checks f and fills in what follows from the rest.
func complete(f Forwarder) (Forwarder, error) {
	address, err := mailstore.CanonicalAddress(f.Address)
	if err != nil {
		return f, err
	}
	f.Version, f.Address, f.Since = version, address, f.Since.UTC().Truncate(time.Second)
	if f.Domain == "" {
		f.Domain = address[strings.LastIndexByte(address, '@')+1:]
	} else if f.Domain, err = mailstore.CanonicalDomain(f.Domain); err != nil {
		return f, err
	}
	if f.Kind != List && f.Kind != Forward {
		return f, fmt.Errorf("forwarder %s: %q is neither %q nor %q", address, f.Kind, List, Forward)
	}
	return f, nil
}
