// Package forwards keeps where mail of accounts is sent on to, and the key that signs the
// rewritten envelope senders of what is sent on.
package forwards

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/mailstore"
)

// Space is the durable map in the mail store. Accounts are u32, big endian.
//
//	a<account>   Rule, JSON
//	k            signing key, JSON
const Space = "forwards"

const (
	version = 1
	// MaxTargets is to how many addresses the mail of an account is sent on.
	MaxTargets = 10
	keyBytes   = 32
)

// Target is an address that mail is sent on to.
type Target struct {
	Address string    `json:"address"` // canonical
	Since   time.Time `json:"since"`   // UTC, whole seconds
}

// Rule is what becomes of an account's mail. The zero Rule sends nothing on.
type Rule struct {
	Version int      `json:"version"`
	To      []Target `json:"to"`
	NoCopy  bool     `json:"no_copy,omitempty"` // what was sent on is not kept
}

// Errors that callers decide on with errors.Is.
var (
	// ErrFull: the mail of the account is sent on to MaxTargets addresses.
	ErrFull = errors.New("forwards: the list is full")
	// ErrOwn: the address is one that the account receives mail at.
	ErrOwn = errors.New("forwards: the address is the account's own")

	errStored = errors.New("where mail is sent on to is damaged or of a newer version: " + mailstore.NextCheck)
)

// signingKey signs rewritten senders.
type signingKey struct {
	Version int    `json:"version"`
	Key     []byte `json:"key"`
}

var keyName = []byte("k")

func ruleKey(account mailstore.AccountID) []byte {
	return binary.BigEndian.AppendUint32([]byte("a"), uint32(account))
}

// Of returns the rule of an account.
func Of(rd *mailstore.Reader, account mailstore.AccountID) (Rule, error) {
	b, err := rd.Space(Space).Get(ruleKey(account))
	if errors.Is(err, mailstore.ErrNotFound) {
		return Rule{}, nil
	}
	if err != nil {
		return Rule{}, err
	}
	var r Rule
	if json.Unmarshal(b, &r) != nil || r.Version != version {
		return Rule{}, errStored
	}
	return r, nil
}

// Change gives an account the rule that change makes of the one that it has. A rule without
// targets is none.
func Change(tx *mailstore.Tx, account mailstore.AccountID, change func(*Rule) error) (Rule, error) {
	r, err := Of(&tx.Reader, account)
	if err == nil {
		err = change(&r)
	}
	if err != nil {
		return r, err
	}
	if len(r.To) == 0 {
		return Rule{}, RemoveAll(tx, account)
	}
	r.Version = version
	return r, tx.Space(Space).PutJSON(ruleKey(account), r)
}

// Add has mail of an account sent on to one more address; one that is there stays as it is. It
// returns the rule as stored.
func Add(tx *mailstore.Tx, account mailstore.AccountID, address string, now time.Time) (Rule, error) {
	a, err := tx.Account(account)
	if err != nil {
		return Rule{}, err
	}
	canonical, err := mailstore.CanonicalAddress(address)
	if err != nil {
		return Rule{}, err
	}
	if slices.Contains(a.Addresses, canonical) {
		return Rule{}, fmt.Errorf("%s: %w", canonical, ErrOwn)
	}
	return Change(tx, account, func(r *Rule) error {
		switch {
		case r.at(canonical) >= 0:
		case len(r.To) >= MaxTargets:
			return ErrFull
		default:
			r.To = append(r.To, Target{canonical, now.UTC().Truncate(time.Second)})
		}
		return nil
	})
}

// Remove has mail not sent on to an address any more; mailstore.ErrNotFound when it is not.
func Remove(tx *mailstore.Tx, account mailstore.AccountID, address string) (Rule, error) {
	canonical, err := mailstore.CanonicalAddress(address)
	if err != nil {
		return Rule{}, err
	}
	return Change(tx, account, func(r *Rule) error {
		at := r.at(canonical)
		if at < 0 {
			return fmt.Errorf("%s: %w", canonical, mailstore.ErrNotFound)
		}
		r.To = slices.Delete(r.To, at, at+1)
		return nil
	})
}

func (r *Rule) at(address string) int {
	return slices.IndexFunc(r.To, func(t Target) bool { return t.Address == address })
}

// RemoveAll drops the rule of an account, for when it is removed.
func RemoveAll(tx *mailstore.Tx, account mailstore.AccountID) error {
	return tx.Space(Space).Delete(ruleKey(account))
}

// Key returns the key that signs rewritten senders; mailstore.ErrNotFound when none has been made.
func Key(rd *mailstore.Reader) ([]byte, error) {
	b, err := rd.Space(Space).Get(keyName)
	if err != nil {
		return nil, err
	}
	var k signingKey
	if json.Unmarshal(b, &k) != nil || k.Version != version || len(k.Key) != keyBytes {
		return nil, errStored
	}
	return k.Key, nil
}

// MakeKey returns the key, and makes it where there is none.
func MakeKey(tx *mailstore.Tx) ([]byte, error) {
	key, err := Key(&tx.Reader)
	if !errors.Is(err, mailstore.ErrNotFound) {
		return key, err
	}
	key = make([]byte, keyBytes)
	rand.Read(key)
	return key, tx.Space(Space).PutJSON(keyName, signingKey{version, key})
}

// MapCheck is what a check of the store is to know of this map: a damaged key is dropped, and
// another one made; where mail is sent on to nobody else knows.
func MapCheck() mailstore.MapCheck {
	return mailstore.MapCheck{Space: Space, MendOf: func(key []byte) func(*mailstore.Tx) error {
		if string(key) != string(keyName) {
			return nil
		}
		return func(tx *mailstore.Tx) error { return tx.Space(Space).Delete(keyName) }
	}, DoneOf: func([]byte) string {
		return "another key signs senders of mail that is sent on: reports on what was sent on before are refused"
	}}
}
