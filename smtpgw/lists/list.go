// Package lists has the mailing lists that a node hosts, each as an account: who is on them, who
// may post, and the Distributor, which sends on to the members what was posted.
package lists

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/address"
)

// space is the durable map of the mailing lists that this node hosts.
// Accounts are u32, big endian.
//
//	l<account>                       List as JSON
//	m<account><domain> 0 <local>     empty: a member, those of one domain together
//	c<account>                       u32, how many members
//	h<account>                       posting hour u64 and posts in it u32
//	j                                modseq up to which the journal was followed
//	w                                distribution under way, see Distributor
const space = "lists"

const version = 1

// Limits of a hosted list.
const (
	MaxMembers     = 10_000
	maxFooter      = 440 // octets, so that it has at most 512 with what sets it off
	maxTag         = 24
	defaultPerHour = 60
	maxPerHour     = 10_000
)

// PostPolicy says who may post to a list.
type PostPolicy string

// The policies. Whoever posts, the mail must be recorded.
const (
	PostMembers PostPolicy = "members" // mail whose author is a member, as verified by its record
	PostAnyone  PostPolicy = "anyone"
)

// List is a mailing list that this node hosts: an account of its own whose mail
// is sent on to the members. The account keeps what was posted.
type List struct {
	Version int                 `json:"version"`
	Account mailstore.AccountID `json:"account"`
	Address string              `json:"address"` // posting address, canonical
	Owner   string              `json:"owner"`   // envelope sender of what is sent on: gets the bounces
	Post    PostPolicy          `json:"post"`
	Tag     string              `json:"tag,omitempty"`    // put before subjects, in brackets
	Footer  string              `json:"footer,omitempty"` // put behind texts; ASCII lines, LF between
	PerHour int                 `json:"per_hour"`         // posts; what is beyond is held
	Since   time.Time           `json:"since"`
	Members int                 `json:"-"`
}

// ID is the value of List-Id (RFC 2919) without the angle brackets.
func (l *List) ID() string { return strings.Replace(l.Address, "@", ".", 1) }

// complete checks l and fills in what was left out.
func (l *List) complete() error {
	addr, err := mailstore.CanonicalAddress(l.Address)
	if err != nil {
		return err
	}
	local, domain, _ := strings.Cut(addr, "@")
	if !address.IsDotString(local) || !maildomain.IsASCII(local) || strings.ContainsAny(local, "\"'`|&%/") {
		return fmt.Errorf("list address %s: use letters, digits and . - _ + before the @", addr)
	}
	if l.Owner, err = mailstore.CanonicalAddress(l.Owner); err != nil {
		return fmt.Errorf("owner: %w", err)
	}
	l.Version, l.Address = version, addr
	l.Post = cmp.Or(l.Post, PostMembers)
	l.PerHour = cmp.Or(l.PerHour, defaultPerHour)
	l.Footer = strings.Trim(strings.ReplaceAll(l.Footer, "\r\n", "\n"), "\n")
	switch {
	case l.Owner == addr:
		return errors.New("owner: the list itself cannot be told about its bounces; name a person's address")
	case l.Post != PostMembers && l.Post != PostAnyone:
		return fmt.Errorf("who may post is %q or %q, not %q", PostMembers, PostAnyone, l.Post)
	case l.PerHour < 1 || l.PerHour > maxPerHour:
		return fmt.Errorf("%d posts an hour; 1 to %d make sense", l.PerHour, maxPerHour)
	}
	if err := checkTag(l.Tag); err != nil {
		return err
	}
	return checkFooter(l.Footer, domain)
}

// checkTag holds that a tag is what recipients take for a list's own mark.
func checkTag(tag string) error {
	ok := len(tag) <= maxTag && tag == strings.TrimSpace(tag) && !strings.ContainsFunc(tag, func(r rune) bool {
		letter := r|0x20 >= 'a' && r|0x20 <= 'z'
		return !letter && r != '-' && r != '_' && r != ' '
	})
	if !ok {
		return fmt.Errorf("tag %q: use up to %d letters, spaces, - and _, no digits", tag, maxTag)
	}
	return nil
}

// checkFooter does the same for the footer of a list at that domain.
func checkFooter(footer, domain string) error {
	if len(footer) > maxFooter {
		return fmt.Errorf("a footer of %d octets; at most %d are allowed", len(footer), maxFooter)
	}
	if strings.ContainsFunc(footer, func(r rune) bool { return r >= 0x7f || r < ' ' && r != '\n' }) {
		return errors.New("footer: use printable ASCII")
	}
	if footer == "" {
		return nil
	}
	if err := record.CheckFooter(rule+"\n"+footer, domain); err != nil {
		return fmt.Errorf("footer: %w; recipients would not take it for a list's", err)
	}
	for line := range strings.SplitSeq(footer, "\n") {
		if len(line) > 76 {
			return errors.New("footer: use lines of at most 76 characters")
		}
	}
	return nil
}

// Errors that callers decide on with errors.Is.
var (
	// ErrNone: no list is hosted under that address.
	ErrNone = errors.New("no such mailing list here")
	// ErrFull: the list would have more than MaxMembers.
	ErrFull = errors.New("mailing list has too many members")
)

// Error says what a list cannot have.
type Error struct{ cause error }

func (e *Error) Error() string { return e.cause.Error() }

// Put makes a list with an account of its own, or changes the one that has
// l.Address, and returns it as stored. mailstore.ErrExists when an account of
// somebody else has the address.
func Put(tx *mailstore.Tx, l List) (List, error) {
	if _, err := Get(&tx.Reader, l.Address); errors.Is(err, ErrNone) {
		if _, err := tx.AccountByAddress(l.Address); err == nil {
			return l, mailstore.ErrExists
		}
	}
	if err := l.complete(); err != nil {
		return l, &Error{err}
	}
	old, err := Get(&tx.Reader, l.Address)
	switch {
	case err == nil:
		l.Account, l.Since, l.Members = old.Account, old.Since, old.Members
	case errors.Is(err, ErrNone):
		a, err := tx.AddAccount(l.Address, []string{l.Address})
		if err != nil {
			return l, err
		}
		l.Account = a.ID
		if err := startFollowing(tx); err != nil {
			return l, err
		}
	default:
		return l, err
	}
	b, err := json.Marshal(l)
	if err != nil {
		return l, err
	}
	return l, tx.Space(space).Put(keyOf('l', l.Account), b)
}

// Get returns the list with that posting address, or ErrNone.
func Get(rd *mailstore.Reader, address string) (List, error) {
	a, err := rd.AccountByAddress(address)
	if errors.Is(err, mailstore.ErrNotFound) {
		return List{}, ErrNone
	}
	if err != nil {
		return List{}, err
	}
	return Of(rd, a.ID)
}

// Of returns the list that an account is for, or ErrNone.
func Of(rd *mailstore.Reader, account mailstore.AccountID) (l List, err error) {
	sp := rd.Space(space)
	b, err := sp.Get(keyOf('l', account))
	if errors.Is(err, mailstore.ErrNotFound) {
		return l, ErrNone
	}
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return l, fmt.Errorf("stored mailing list: %w", err)
	}
	if l.Version != version {
		return l, fmt.Errorf("stored mailing list %s: version %d is not known here; use the cairn that wrote it", l.Address, l.Version)
	}
	n, err := number32(sp, keyOf('c', account))
	l.Members = int(n)
	return l, err
}

// Is reports whether an account is for a list.
func Is(rd *mailstore.Reader, account mailstore.AccountID) (bool, error) {
	return rd.Space(space).Has(keyOf('l', account))
}

// All returns the hosted lists by address.
func All(rd *mailstore.Reader) (lists []List, err error) {
	var accounts []mailstore.AccountID
	err = rd.Space(space).Scan([]byte("l"), nil, func(key, _ []byte) bool {
		accounts = append(accounts, mailstore.AccountID(binary.BigEndian.Uint32(key[1:])))
		return true
	})
	for _, a := range accounts {
		l, bad := Of(rd, a)
		lists, err = append(lists, l), errors.Join(err, bad)
	}
	slices.SortFunc(lists, func(a, b List) int { return strings.Compare(a.Address, b.Address) })
	return lists, err
}

// Drop forgets the list that an account is for, if it is one, but not the
// account.
func Drop(tx *mailstore.Tx, account mailstore.AccountID) error {
	sp := tx.Space(space)
	var keys [][]byte
	for _, table := range []byte("lmch") {
		err := sp.Scan(keyOf(table, account), nil, func(key, _ []byte) bool {
			keys = append(keys, slices.Clone(key))
			return true
		})
		if err != nil {
			return err
		}
	}
	for _, key := range keys {
		if err := sp.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

func keyOf(table byte, account mailstore.AccountID) []byte {
	return binary.BigEndian.AppendUint32([]byte{table}, uint32(account))
}

// number32 reads a counter; one that was never written is 0.
func number32(sp mailstore.SpaceReader, key []byte) (uint32, error) {
	b, err := sp.Get(key)
	if errors.Is(err, mailstore.ErrNotFound) {
		return 0, nil
	}
	if err == nil && len(b) != 4 {
		err = fmt.Errorf("stored number %q is damaged", key)
	}
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}
