package lists

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
)

// Join makes addresses members of a list and returns it with how many were none
// before.
func Join(tx *mailstore.Tx, address string, members []string) (l List, joined int, err error) {
	return changeMembers(tx, address, members, func(sp mailstore.Space, key []byte, there bool) (int, error) {
		if there {
			return 0, nil
		}
		return 1, sp.Put(key, nil)
	})
}

// Leave takes addresses off a list and returns it with how many were on it.
func Leave(tx *mailstore.Tx, address string, members []string) (l List, left int, err error) {
	l, n, err := changeMembers(tx, address, members, func(sp mailstore.Space, key []byte, there bool) (int, error) {
		if !there {
			return 0, nil
		}
		return -1, sp.Delete(key)
	})
	return l, -n, err
}

// LeaveAll takes the addresses of a mailbox that is about to go off all lists, and returns the
// addresses of those on which one was: whoever has the address next is not to get their mail.
func LeaveAll(tx *mailstore.Tx, members []string) (off []string, err error) {
	lists, err := All(&tx.Reader)
	if err != nil {
		return nil, err
	}
	for _, l := range lists {
		others := slices.DeleteFunc(slices.Clone(members), func(m string) bool { return m == l.Address })
		_, n, err := Leave(tx, l.Address, others)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			off = append(off, l.Address)
		}
	}
	return off, nil
}

func changeMembers(tx *mailstore.Tx, address string, members []string, change func(sp mailstore.Space, key []byte, there bool) (int, error)) (l List, changed int, err error) {
	if l, err = Get(&tx.Reader, address); err != nil {
		return l, 0, err
	}
	sp := tx.Space(space)
	for _, m := range members {
		canonical, err := mailstore.CanonicalAddress(m)
		if err != nil {
			return l, 0, err
		}
		if canonical == l.Address {
			return l, 0, fmt.Errorf("%s is the list itself", canonical)
		}
		key := memberKey(l.Account, canonical)
		there, err := sp.Has(key)
		if err != nil {
			return l, 0, err
		}
		n, err := change(sp, key, there)
		if err != nil {
			return l, 0, err
		}
		changed += n
	}
	if changed == 0 {
		return l, 0, nil
	}
	l.Members += changed
	if l.Members > MaxMembers {
		return l, 0, fmt.Errorf("%w: %d, at most %d", ErrFull, l.Members, MaxMembers)
	}
	return l, changed, sp.Put(keyOf('c', l.Account), binary.BigEndian.AppendUint32(nil, uint32(l.Members)))
}

// memberKey keeps the members of one domain together.
func memberKey(account mailstore.AccountID, canonical string) []byte {
	at := strings.LastIndexByte(canonical, '@')
	return append(keyOf('m', account), canonical[at+1:]+"\x00"+canonical[:at]...)
}

// Members returns up to so many members of a list after the one that after
// names, "" for the first, domain by domain.
func Members(rd *mailstore.Reader, l List, after string, most int) (members []string, err error) {
	prefix, from := keyOf('m', l.Account), []byte(nil)
	if after != "" {
		from = append(memberKey(l.Account, after), 0)
	}
	if most <= 0 {
		return nil, nil
	}
	err = rd.Space(space).Scan(prefix, from, func(key, _ []byte) bool {
		domain, local, _ := bytes.Cut(key[len(prefix):], []byte{0})
		members = append(members, string(local)+"@"+string(domain))
		return len(members) < most
	})
	return members, err
}

// isMember reports whether an address, in any spelling, is on the list.
func isMember(rd *mailstore.Reader, l List, address string) (bool, error) {
	canonical, err := mailstore.CanonicalAddress(address)
	if err != nil {
		return false, nil
	}
	return rd.Space(space).Has(memberKey(l.Account, canonical))
}

// memberGroups sorts members into queue entries: one record for those of a
// domain, but for the limit of recipients. Other than with a mail to several
// people, who is on a list is known to its members.
func memberGroups(members []string) []outbox.Group {
	var out []outbox.Group
	for len(members) > 0 {
		domain := maildomain.OfAddress(members[0])
		n := slices.IndexFunc(members, func(m string) bool { return maildomain.OfAddress(m) != domain })
		if n < 0 {
			n = len(members)
		}
		for chunk := range slices.Chunk(members[:n], message.MaxRecipients) {
			out = append(out, outbox.Group{Domain: domain, Recipients: chunk})
		}
		members = members[n:]
	}
	return out
}

// AccountFor is mailstore.Reader.AccountFor but for mailing lists, which have no sub-addresses.
func AccountFor(r *mailstore.Reader, address string) (mailstore.Account, error) {
	a, err := r.AccountByAddress(address)
	if !errors.Is(err, mailstore.ErrNotFound) {
		return a, err
	}
	if a, err = r.AccountFor(address); err != nil {
		return a, err
	}
	if _, err := Of(r, a.ID); !errors.Is(err, ErrNone) {
		return mailstore.Account{}, cmp.Or(err, mailstore.ErrNotFound)
	}
	return a, nil
}
