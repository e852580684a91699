package consensus

import (
	"bytes"
	"cmp"
	"slices"
	"sync"

	"cairn/consensus/sorted"
)

// members is the table of organisations with its lookups. It is immutable, and shares with the
// table before it all that a block did not change.
type members struct {
	orgs   sorted.Map[Hash, *Org]
	tree   merkleTable // over the encodings of orgs
	root   Hash        // of tree
	past   merkleList[*Past]
	former sorted.Map[Hash, *history] // past by organisation
	owners sorted.Map[ownKey, *owner] // whose a key is, or was
	claims sorted.Map[claim, struct{}]
	living int // organisations with a node that has not ended
}

// owner is whose a key is, or was.
type owner struct {
	org Hash

	key      Key
	once     sync.Once
	prepared *verifyingKey
}

// verifying returns the key for verifying. It is prepared when it is first needed, which most are
// not.
func (o *owner) verifying() *verifyingKey {
	o.once.Do(func() { o.prepared = newVerifyingKey(o.key) })
	return o.prepared
}

// claim is an organisation's claim of a domain.
type claim struct {
	domain string
	org    Hash
}

// newMembers returns an empty table.
func newMembers() *members {
	return &members{
		orgs:   sorted.New[Hash, *Org](compareHashes),
		root:   merkleTable{}.root(),
		former: sorted.New[Hash, *history](compareHashes),
		owners: sorted.New[ownKey, *owner](func(a, b ownKey) int { return cmp.Or(compareKeys(a.key, b.key), cmp.Compare(a.kind, b.kind)) }),
		claims: sorted.New[claim, struct{}](func(a, b claim) int { return cmp.Or(cmp.Compare(a.domain, b.domain), compareHashes(a.org, b.org)) }),
	}
}

func compareHashes(a, b Hash) int { return bytes.Compare(a[:], b[:]) }

// owner returns the organisation that has, or had, a key.
func (m *members) owner(k ownKey) (*Org, bool) {
	by, ok := m.owners.Get(k)
	if !ok {
		return nil, false
	}
	return m.orgs.Get(by.org)
}

// has reports whether a key is, or was, an organisation's.
func (m *members) has(k ownKey) bool { _, ok := m.owners.Get(k); return ok }

// sealing returns for verifying a recorder key that counts in a block of that height.
func (m *members) sealing(recorder Key, height uint64) (*verifyingKey, bool) {
	o, by, i := m.recorder(recorder)
	if i < 0 || !o.Nodes[i].SealsAt(height) {
		return nil, false
	}
	return by.verifying(), true
}

// active returns the organisation of a recorder key whose node has not ended, and the key for
// verifying.
func (m *members) active(recorder Key) (*Org, *verifyingKey, bool) {
	o, by, i := m.recorder(recorder)
	if i < 0 || o.Nodes[i].End != NodeActive {
		return nil, nil, false
	}
	return o, by.verifying(), true
}

// recorder returns the organisation of a recorder key and the place of its node there; -1 if it has
// none.
func (m *members) recorder(recorder Key) (*Org, *owner, int) {
	by, ok := m.owners.Get(ownKey{recorderKey, recorder})
	if !ok {
		return nil, nil, -1
	}
	o, ok := m.orgs.Get(by.org)
	if !ok {
		return nil, nil, -1
	}
	return o, by, o.recorder(recorder)
}

// replace puts an organisation's entry into the place of another; nil for none. Like own, disown,
// remember and forget it changes m itself, all but its tree.
func (m *members) replace(before, after *Org) {
	switch {
	case after != nil:
		m.orgs = m.orgs.Set(after.ID, after)
	case before != nil:
		m.orgs = m.orgs.Delete(before.ID)
	}
	m.living += living(after) - living(before)
	for _, d := range domains(before) {
		if !slices.Contains(domains(after), d) {
			m.claims = m.claims.Delete(claim{d, before.ID})
		}
	}
	for _, d := range domains(after) {
		if !slices.Contains(domains(before), d) {
			m.claims = m.claims.Set(claim{d, after.ID}, struct{}{})
		}
	}
}

// living is 1 for an organisation with a node that has not ended.
func living(o *Org) int {
	if o == nil || o.ActiveNodes() == 0 {
		return 0
	}
	return 1
}

func domains(o *Org) []string {
	if o == nil {
		return nil
	}
	return o.Domains
}

// own makes the keys of an entry its organisation's, and returns an error if one is another's.
func (m *members) own(o *Org) error {
	for _, k := range o.keys() {
		switch by, taken := m.owners.Get(k); {
		case !taken:
			m.owners = m.owners.Set(k, &owner{org: o.ID, key: k.key})
		case by.org != o.ID:
			return takenError(k)
		}
	}
	return nil
}

// disown takes back the keys of an entry, but those that kept has.
func (m *members) disown(o *Org, kept []ownKey) {
	for _, k := range o.keys() {
		if !slices.Contains(kept, k) {
			m.owners = m.owners.Delete(k)
		}
	}
}

// remember adds a former entry.
func (m *members) remember(p *Past) {
	m.past = m.past.add(LeafHash(p.Encode()), p)
	h, _ := m.former.Get(p.Org.ID)
	m.former = m.former.Set(p.Org.ID, h.with(p))
}

// forget takes back and returns the last former entry.
func (m *members) forget() *Past {
	last := m.past.len() - 1
	p := m.past.at(last)
	m.past = m.past.first(last)
	if h, _ := m.former.Get(p.Org.ID); h.before != nil {
		m.former = m.former.Set(p.Org.ID, h.before)
	} else {
		m.former = m.former.Delete(p.Org.ID)
	}
	return p
}

// hash brings the tree up to date for the organisations with these IDs, whose entries were others
// in the table that it is of.
func (m *members) hash(base *members, ids []Hash) *members {
	slices.SortFunc(ids, compareHashes) // so those before one are in their places when it is put into its own
	for _, id := range slices.Compact(ids) {
		at := m.orgs.Rank(id)
		now, is := m.orgs.Get(id)
		_, was := base.orgs.Get(id)
		switch {
		case !is && was:
			m.tree = m.tree.splice(at, 1)
		case is && was:
			m.tree = m.tree.splice(at, 1, LeafHash(now.Encode()))
		case is:
			m.tree = m.tree.splice(at, 0, LeafHash(now.Encode()))
		}
	}
	m.root = m.tree.root()
	return m
}

// at returns the entry that an organisation had after the block of that height.
func (m *members) at(id Hash, height uint64) (*Org, bool) {
	o, ok := m.orgs.Get(id)
	former, _ := m.former.Get(id)
	if h := former.after(height); h != nil {
		o = h.Org
	}
	return o, ok && height >= o.Height
}
