package smtpgw

import (
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

// listSpace is the durable map of the mailing lists that this node hosts.
// Accounts are u32, big endian.
//
//	l<account>                       List as JSON
//	m<account><domain> 0 <local>     empty: a member, those of one domain together
//	c<account>                       u32, how many members
//	h<account>                       posting hour u64 and posts in it u32
//	j                                modseq up to which the journal was followed
//	w                                distribution under way, see Distributor
const listSpace = "lists"

const listVersion = 1

// Limits of a hosted list.
const (
	MaxListMembers = 10_000
	MaxListFooter  = 440 // octets, so that it has at most 512 with what sets it off
	maxListTag     = 24
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
	l.Version, l.Address = listVersion, addr
	orDefault(&l.Post, PostMembers)
	orDefault(&l.PerHour, defaultPerHour)
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
	ok := len(tag) <= maxListTag && tag == strings.TrimSpace(tag) && !strings.ContainsFunc(tag, func(r rune) bool {
		letter := r|0x20 >= 'a' && r|0x20 <= 'z'
		return !letter && r != '-' && r != '_' && r != ' '
	})
	if !ok {
		return fmt.Errorf("tag %q: use up to %d letters, spaces, - and _, no digits", tag, maxListTag)
	}
	return nil
}

// checkFooter does the same for the footer of a list at that domain.
func checkFooter(footer, domain string) error {
	if len(footer) > MaxListFooter {
		return fmt.Errorf("a footer of %d octets; at most %d are allowed", len(footer), MaxListFooter)
	}
	if strings.ContainsFunc(footer, func(r rune) bool { return r >= 0x7f || r < ' ' && r != '\n' }) {
		return errors.New("footer: use printable ASCII")
	}
	if footer == "" {
		return nil
	}
	if err := record.CheckFooter(listRule+"\n"+footer, domain); err != nil {
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
	// ErrNoList: no list is hosted under that address.
	ErrNoList = errors.New("no such mailing list here")
	// ErrListFull: the list would have more than MaxListMembers.
	ErrListFull = errors.New("mailing list has too many members")
)

// ListError says what a list cannot have.
type ListError struct{ cause error }

func (e *ListError) Error() string { return e.cause.Error() }

// PutList makes a list with an account of its own, or changes the one that has
// l.Address, and returns it as stored. mailstore.ErrExists when an account of
// somebody else has the address.
func PutList(tx *mailstore.Tx, l List) (List, error) {
	if _, err := GetList(&tx.Reader, l.Address); errors.Is(err, ErrNoList) {
		if _, err := tx.AccountByAddress(l.Address); err == nil {
			return l, mailstore.ErrExists
		}
	}
	if err := l.complete(); err != nil {
		return l, &ListError{err}
	}
	old, err := GetList(&tx.Reader, l.Address)
	switch {
	case err == nil:
		l.Account, l.Since, l.Members = old.Account, old.Since, old.Members
	case errors.Is(err, ErrNoList):
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
	return l, tx.Space(listSpace).Put(listKey('l', l.Account), b)
}

// GetList returns the list with that posting address, or ErrNoList.
func GetList(rd *mailstore.Reader, address string) (List, error) {
	a, err := rd.AccountByAddress(address)
	if errors.Is(err, mailstore.ErrNotFound) {
		return List{}, ErrNoList
	}
	if err != nil {
		return List{}, err
	}
	return ListOf(rd, a.ID)
}

// ListOf returns the list that an account is for, or ErrNoList.
func ListOf(rd *mailstore.Reader, account mailstore.AccountID) (l List, err error) {
	sp := rd.Space(listSpace)
	b, err := sp.Get(listKey('l', account))
	if errors.Is(err, mailstore.ErrNotFound) {
		return l, ErrNoList
	}
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return l, fmt.Errorf("stored mailing list: %w", err)
	}
	if l.Version != listVersion {
		return l, fmt.Errorf("stored mailing list %s: version %d is not known here; use the cairn that wrote it", l.Address, l.Version)
	}
	n, err := number32(sp, listKey('c', account))
	l.Members = int(n)
	return l, err
}

// Lists returns the hosted lists by address.
func Lists(rd *mailstore.Reader) (lists []List, err error) {
	var accounts []mailstore.AccountID
	err = rd.Space(listSpace).Scan([]byte("l"), nil, func(key, _ []byte) bool {
		accounts = append(accounts, mailstore.AccountID(binary.BigEndian.Uint32(key[1:])))
		return true
	})
	for _, a := range accounts {
		l, bad := ListOf(rd, a)
		lists, err = append(lists, l), errors.Join(err, bad)
	}
	slices.SortFunc(lists, func(a, b List) int { return strings.Compare(a.Address, b.Address) })
	return lists, err
}

// DropList forgets the list that an account is for, if it is one, but not the
// account.
func DropList(tx *mailstore.Tx, account mailstore.AccountID) error {
	sp := tx.Space(listSpace)
	var keys [][]byte
	for _, table := range []byte("lmch") {
		err := sp.Scan(listKey(table, account), nil, func(key, _ []byte) bool {
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

func listKey(table byte, account mailstore.AccountID) []byte {
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
