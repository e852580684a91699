// Package keyroll decides when a server may show another key than the one that the DNS names for it
// (DANE): the record of the next key has to be known wherever the one of before is, which takes as
// long as resolvers keep that (RFC 7671, section 8.1). It does no I/O.
package keyroll

import (
	"crypto/ecdsa"
	"maps"
	"slices"
	"time"

	"cairn/smtpgw/dane"
)

const (
	// least is how long both records have to be seen at least: a resolver tells what is left of a
	// TTL, and after this time it has asked anew, or what is left is longer.
	least = time.Hour
	// Unseen is how long a next key waits where the DNS holds nobody to the present one. It leaves
	// time to publish records after all.
	Unseen = 24 * time.Hour
	// mostTTL bounds what records say of themselves: a week is the longest in use.
	mostTTL = 7 * 24 * time.Hour
	// maxNames bounds how many names are kept.
	maxNames = 64
)

// Answer is what the DNS says of the keys of a server.
type Answer int

// Answers.
const (
	NotKnown Answer = iota // the DNS does not answer
	Lacking                // there are records that count, and not those of both keys
	Both                   // the records of both keys are there, and count
	Nothing                // there are no records that count
)

// Next is the key that is to come after the one in use.
type Next struct {
	Key  *ecdsa.PrivateKey
	Made time.Time
	// Before is the record of the key that was in use when it was made.
	Before string
	// Last is the last answer that said something; NotKnown: there was none. Since is since when
	// the DNS has said so.
	Last  Answer
	Since time.Time
	// TTL is the longest that an answer had since the key was made.
	TTL time.Duration
}

// Record is the TLSA record 3 1 1 of a key (RFC 6698, section 2.1).
func (n *Next) Record() string { return Record(&n.Key.PublicKey) }

// After is n after a look at the DNS. An answer that is not known changes nothing.
func (n Next) After(a Answer, ttl time.Duration, now time.Time) Next {
	if a == NotKnown {
		return n
	}
	n.TTL = max(n.TTL, min(ttl, mostTTL))
	if n.Last != a || n.Since.After(now) { // the clock was set back
		n.Last, n.Since = a, now
	}
	return n
}

// Ready is when the key may be used if the DNS goes on saying what it said last; zero: not as long
// as it says that.
func (n *Next) Ready() time.Time {
	switch n.Last {
	case Both:
		return n.Since.Add(max(2*n.TTL, least))
	case Nothing:
		return n.Since.Add(max(2*n.TTL, Unseen))
	}
	return time.Time{}
}

// Due reports whether the key is to be used now that the DNS has answered a.
func (n *Next) Due(a Answer, now time.Time) bool {
	at := n.Ready()
	return a != NotKnown && a == n.Last && !at.IsZero() && !now.Before(at)
}

// Former is a key that was used before, whose record may go.
type Former struct {
	Record string
	Until  time.Time // when the next one came into use
}

// Name is what is kept of one name.
type Name struct {
	Next   *Next   // nil: none
	Former *Former // nil: none
}

// Ring is what is kept of all names, in lower case. It is not changed; With makes another.
type Ring struct{ names map[string]Name }

// Of is what is kept of a name.
func (r *Ring) Of(name string) Name { return r.names[name] }

// Names are those of which something is kept, in order.
func (r *Ring) Names() []string { return slices.Sorted(maps.Keys(r.names)) }

// With is r with what is kept of a name; nothing takes the name out.
func (r *Ring) With(name string, n Name) *Ring {
	next := &Ring{maps.Clone(r.names)}
	if next.names == nil {
		next.names = make(map[string]Name)
	}
	next.names[name] = n
	if n == (Name{}) {
		delete(next.names, name)
	}
	return next
}

// Only is r without the names that are none of these.
func (r *Ring) Only(names []string) *Ring {
	next := &Ring{maps.Clone(r.names)}
	maps.DeleteFunc(next.names, func(name string, _ Name) bool { return !slices.Contains(names, name) })
	return next
}

// Used is n once its next key is in use in place of that with the record.
func (n Name) Used(record string, now time.Time) Name {
	return Name{Former: &Former{record, now}}
}

// Judge says what records come to that are of a secure answer; present is the record of the key in
// use.
func (n *Next) Judge(records []dane.Record, present string) Answer {
	has := func(record string) bool {
		return slices.ContainsFunc(records, func(r dane.Record) bool { return r.String() == record })
	}
	switch {
	case len(records) == 0:
		return Nothing
	case has(present) && has(n.Record()):
		return Both
	}
	return Lacking
}
