package forwarders

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
)

// MaxNamed is how many entries an account may have.
const MaxNamed = 200

// Kind says what a forwarder does.
type Kind string

// The kinds.
const (
	List    Kind = "list"    // distributes what is posted to it, and marks it
	Forward Kind = "forward" // sends on as it is
)

// Forwarder is one entry of an account's list.
type Forwarder struct {
	Version int       `json:"version"`
	Address string    `json:"address"` // canonical: the list's posting address, or the account's old one
	Domain  string    `json:"domain"`  // A-label, of the node that sends on
	Kind    Kind      `json:"kind"`
	Since   time.Time `json:"since"` // UTC, whole seconds
}

// Errors that callers decide on with errors.Is.
var (
	// ErrFull: the account has named MaxNamed forwarders.
	ErrFull = errors.New("forwarders: the list is full")
	// ErrOwn: the address is one that the account receives mail at.
	ErrOwn = errors.New("forwarders: the address is the account's own")
)

// Add puts f in place of an entry for the same address.
// An empty domain is that of the address. It returns the entry as stored;
// mailstore.ErrNotFound when there is no such account.
func Add(tx *mailstore.Tx, account mailstore.AccountID, f Forwarder) (Forwarder, error) {
	a, err := tx.Account(account)
	if err != nil {
		return f, err
	}
	if f, err = complete(f); err != nil {
		return f, err
	}
	for _, own := range a.Addresses {
		if own == f.Address {
			return f, fmt.Errorf("%s: %w", f.Address, ErrOwn)
		}
	}
	sp := tx.Space(space)
	if known, err := sp.Has(key(account, f.Address)); err != nil {
		return f, err
	} else if !known {
		named, err := list(sp.SpaceReader, account)
		if err != nil {
			return f, err
		}
		if len(named) >= MaxNamed {
			return f, ErrFull
		}
	}
	return f, put(sp, account, f)
}

// Remove takes an entry away and returns it; mailstore.ErrNotFound when there
// is none.
func Remove(tx *mailstore.Tx, account mailstore.AccountID, address string) (Forwarder, error) {
	canonical, err := mailstore.CanonicalAddress(address)
	if err != nil {
		return Forwarder{}, err
	}
	sp := tx.Space(space)
	b, err := sp.Get(key(account, canonical))
	if err != nil { // ErrNotFound too
		return Forwarder{}, fmt.Errorf("%s: %w", canonical, err)
	}
	f, err := decode(b)
	if err != nil {
		return f, err
	}
	return f, sp.Delete(key(account, canonical))
}

// RemoveAll takes all entries of an account away, for when it is removed.
func RemoveAll(tx *mailstore.Tx, account mailstore.AccountID) error {
	sp := tx.Space(space)
	var bad error
	err := sp.Scan(key(account, ""), nil, func(key, _ []byte) bool {
		bad = sp.Delete(bytes.Clone(key))
		return bad == nil
	})
	return errors.Join(err, bad)
}

// All returns the entries of an account, by address.
func All(rd *mailstore.Reader, account mailstore.AccountID) ([]Forwarder, error) {
	return list(rd.Space(space), account)
}

// complete checks f and fills in what follows from the rest.
func complete(f Forwarder) (Forwarder, error) {
	address, err := mailstore.CanonicalAddress(f.Address)
	if err != nil {
		return f, err
	}
	f.Version, f.Address, f.Since = version, address, f.Since.UTC().Truncate(time.Second)
	if f.Domain == "" {
		f.Domain = maildomain.OfAddress(address)
	} else if f.Domain, err = mailstore.CanonicalDomain(f.Domain); err != nil {
		return f, err
	}
	if f.Kind != List && f.Kind != Forward {
		return f, fmt.Errorf("forwarder %s: %q is neither %q nor %q", address, f.Kind, List, Forward)
	}
	return f, nil
}
