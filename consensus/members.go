package consensus

import (
	"bytes"
	"maps"
	"slices"
)

// members is the table of organisations with its lookups. It is immutable; blocks without events share
// their parent's.
type members struct {
	orgs      []*Org // ascending by ID
	root      Hash   // Merkle root over their encodings
	past      []*Past
	pastTree  merkleList // over the encodings of past
	byID      map[Hash]*Org
	owners    map[ownKey]Hash       // whose a key is, or was
	verifying map[Key]*verifyingKey // recorder keys
	byDomain  map[string][]*Org     // ascending by ID
}

// newMembers returns an empty table.
func newMembers() *members {
	return (&members{
		byID:      make(map[Hash]*Org),
		owners:    make(map[ownKey]Hash),
		verifying: make(map[Key]*verifyingKey),
		byDomain:  make(map[string][]*Org),
	}).hash()
}

// owner returns the organisation that has, or had, a key.
func (m *members) owner(k ownKey) (*Org, bool) {
	o, ok := m.byID[m.owners[k]]
	return o, ok
}

// has reports whether a key is, or was, an organisation's.
func (m *members) has(k ownKey) bool { _, ok := m.owners[k]; return ok }

// sealing returns for verifying a recorder key that counts in a block of that height.
func (m *members) sealing(recorder Key, height uint64) (*verifyingKey, bool) {
	o, ok := m.owner(ownKey{recorderKey, recorder})
	if !ok {
		return nil, false
	}
	i := o.recorder(recorder)
	return m.verifying[recorder], i >= 0 && o.Nodes[i].SealsAt(height)
}

// active returns the organisation of a recorder key whose node has not ended, and the key for verifying.
func (m *members) active(recorder Key) (*Org, *verifyingKey, bool) {
	o, ok := m.owner(ownKey{recorderKey, recorder})
	if !ok {
		return nil, nil, false
	}
	i := o.recorder(recorder)
	return o, m.verifying[recorder], i >= 0 && o.Nodes[i].End == NodeActive
}

// add and remove change m itself, all but its hashes.
func (m *members) add(o *Org) {
	at, _ := slices.BinarySearchFunc(m.orgs, o, compareOrgs)
	m.orgs = slices.Insert(m.orgs, at, o)
	m.byID[o.ID] = o
	for _, k := range o.keys() {
		if m.owners[k] = o.ID; k.kind == recorderKey {
			m.verifying[k.key] = newVerifyingKey(k.key)
		}
	}
	for _, d := range o.Domains {
		// The slices are shared with the table this one was cloned from.
		claimants := append(slices.Clip(m.byDomain[d]), o)
		slices.SortFunc(claimants, compareOrgs)
		m.byDomain[d] = claimants
	}
}

// remove leaves the keys taken that kept has.
func (m *members) remove(o *Org, kept []ownKey) {
	m.orgs = slices.DeleteFunc(m.orgs, func(x *Org) bool { return x == o })
	delete(m.byID, o.ID)
	for _, k := range o.keys() {
		if k.kind == recorderKey {
			delete(m.verifying, k.key)
		}
		if !slices.Contains(kept, k) {
			delete(m.owners, k)
		}
	}
	for _, d := range o.Domains {
		left := slices.DeleteFunc(slices.Clone(m.byDomain[d]), func(x *Org) bool { return x == o })
		if len(left) == 0 {
			delete(m.byDomain, d)
		} else {
			m.byDomain[d] = left
		}
	}
}

// clone returns a copy whose slices and maps can be added to and deleted from.
func (m *members) clone() *members {
	return &members{
		orgs:      slices.Clone(m.orgs),
		past:      slices.Clip(m.past),
		pastTree:  m.pastTree,
		byID:      maps.Clone(m.byID),
		owners:    maps.Clone(m.owners),
		verifying: maps.Clone(m.verifying),
		byDomain:  maps.Clone(m.byDomain),
	}
}

// hash brings the root up to date.
func (m *members) hash() *members {
	leaves := make([]Hash, len(m.orgs))
	var buf []byte
	for i, o := range m.orgs {
		buf = o.Append(buf[:0])
		leaves[i] = LeafHash(buf)
	}
	m.root = MerkleRoot(leaves)
	return m
}

// remember adds a former entry.
func (m *members) remember(p *Past) {
	m.past = append(m.past, p)
	m.pastTree = m.pastTree.add(LeafHash(p.Encode()))
}

// at returns the entry that an organisation had after the block of that height.
func (m *members) at(id Hash, height uint64) (*Org, bool) {
	o, ok := m.byID[id]
	for _, p := range slices.Backward(m.past) {
		if p.Org.ID == id {
			if height >= p.Until {
				break
			}
			o = p.Org
		}
	}
	return o, ok && height >= o.Height
}

func compareOrgs(a, b *Org) int { return bytes.Compare(a.ID[:], b.ID[:]) }
