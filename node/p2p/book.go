package p2p

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	maxKnown    = 1024
	maxAddrs    = 16 // addresses kept of one node
	passedOnFor = 24 * time.Hour
)

// book is what this node knows of where others of its chain are: addresses given by the operator,
// and records that nodes have signed about themselves, which it passes on as they are.
type book struct {
	member func(peer.ID) bool // nil: nobody is known to be one
	mu     sync.Mutex
	byID   map[peer.ID]*entry
}

type entry struct {
	given  []ma.Multiaddr // by the operator
	signed []ma.Multiaddr // from the node's own record, those that make sense from here
	record []byte         // that record, in its envelope
	seq    uint64
	seen   time.Time // last connected, or heard of
}

func newBook() *book { return &book{byID: make(map[peer.ID]*entry)} }

// add notes an address that the operator gave.
func (b *book) add(info peer.AddrInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entry(info.ID)
	for _, a := range info.Addrs {
		if len(e.given) < maxAddrs && !ma.Contains(e.given, a) {
			e.given = append(e.given, a)
		}
	}
}

// learn verifies a signed peer record and notes it if it is newer than what is known. The addresses
// in it are used as far as near allows. It returns whose record it is.
func (b *book) learn(envelope []byte, near scope) (peer.ID, error) {
	_, untyped, err := record.ConsumeEnvelope(envelope, peer.PeerRecordEnvelopeDomain)
	if err != nil {
		return "", fmt.Errorf("%w: peer record: %w", errMalformed, err)
	}
	rec, ok := untyped.(*peer.PeerRecord)
	if !ok {
		return "", fmt.Errorf("%w: an envelope that is no peer record", errMalformed)
	}
	env, err := record.UnmarshalEnvelope(envelope)
	if err != nil {
		return "", fmt.Errorf("%w: peer record: %w", errMalformed, err)
	}
	if !rec.PeerID.MatchesPublicKey(env.PublicKey) {
		return "", fmt.Errorf("%w: a peer record signed by another", errMalformed)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entry(rec.PeerID)
	e.seen = time.Now()
	if e.record != nil && rec.Seq <= e.seq {
		return rec.PeerID, nil
	}
	e.record, e.seq, e.signed = envelope, rec.Seq, nil
	for _, a := range rec.Addrs {
		if len(e.signed) < maxAddrs && near.allows(a) {
			e.signed = append(e.signed, a)
		}
	}
	return rec.PeerID, nil
}

// isMember reports whether a node is enrolled. Anybody can sign records of as many other nodes as
// he likes, and these go last.
func (b *book) isMember(id peer.ID) bool { return b.member != nil && b.member(id) }

// entry returns that of a node, after making room by forgetting one that was heard of longest ago,
// of those that are not enrolled if there are any. The caller holds mu.
func (b *book) entry(id peer.ID) *entry {
	if e := b.byID[id]; e != nil {
		return e
	}
	if len(b.byID) >= maxKnown {
		var last peer.ID
		var of *entry
		ofMember := false
		for id, e := range b.byID {
			if len(e.given) > 0 {
				continue
			}
			member := b.isMember(id)
			if of == nil || ofMember && !member || ofMember == member && e.seen.Before(of.seen) {
				last, of, ofMember = id, e, member
			}
		}
		delete(b.byID, last)
	}
	e := &entry{seen: time.Now()}
	b.byID[id] = e
	return e
}

// addrs returns where a node may be.
func (b *book) addrs(id peer.ID) []ma.Multiaddr {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.byID[id]
	if e == nil {
		return nil
	}
	list := append([]ma.Multiaddr(nil), e.given...)
	for _, a := range e.signed {
		if !ma.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

// announced returns the addresses in a node's own record, those that make sense from here.
func (b *book) announced(id peer.ID) []ma.Multiaddr {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.byID[id]; e != nil {
		return slices.Clone(e.signed)
	}
	return nil
}

// record returns the signed record of a node, nil if there is none.
func (b *book) record(id peer.ID) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.byID[id]; e != nil {
		return e.record
	}
	return nil
}

// records returns up to n signed records, chosen at random among those heard of within a day.
func (b *book) records(n int, not peer.ID) [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list [][]byte
	for id, e := range b.byID {
		if id != not && e.record != nil && time.Since(e.seen) < passedOnFor {
			list = append(list, e.record)
		}
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(n, len(list))]
}

// forget drops a node that could not be reached again and again, unless the operator gave its
// address.
func (b *book) forget(id peer.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.byID[id]; e != nil && len(e.given) == 0 {
		delete(b.byID, id)
	}
}

// known returns all nodes with an address, in random order: first those that are enrolled, then the
// others.
func (b *book) known() []peer.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]peer.ID, 0, len(b.byID))
	for id, e := range b.byID {
		if len(e.given)+len(e.signed) > 0 {
			list = append(list, id)
		}
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	var members, others []peer.ID
	for _, id := range list {
		if b.isMember(id) {
			members = append(members, id)
		} else {
			others = append(others, id)
		}
	}
	return append(members, others...)
}

// scope says which addresses can be meant for us, judged by how far away their teller is: what a
// distant node calls 127.0.0.1 or 192.168.1.2 is not in our house.
type scope uint8

const (
	scopePublic scope = iota
	scopePrivate
	scopeLoopback
)

func scopeOf(a ma.Multiaddr) scope {
	switch {
	case manet.IsIPLoopback(a):
		return scopeLoopback
	case manet.IsPrivateAddr(a):
		return scopePrivate
	}
	return scopePublic
}

// allows reports whether an address that another node tells of itself may be used: an IP address of
// this scope. A name could mean any address whatever once it is resolved.
func (s scope) allows(a ma.Multiaddr) bool { return remoteIP(a).IsValid() && scopeOf(a) <= s }
