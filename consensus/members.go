package consensus

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
)

// Org is a member organisation as the state knows it. It is shared between
// states and must not be changed.
type Org struct {
	ID             Hash // ID of its enrol event
	Name           string
	Domains        []string
	Key            Key
	Nodes          []NodeKeys
	Records        RecordsPolicy
	ThresholdFloor uint8
	Height         uint64 // of the block with its enrol event
}

// enrol is what an enrol event would say of o.
func (o *Org) enrol() *Enrol {
	return &Enrol{Name: o.Name, Domains: o.Domains, OrgKey: o.Key, Nodes: o.Nodes, Records: o.Records, ThresholdFloor: o.ThresholdFloor}
}

func (o *Org) keys() []ownKey { return o.enrol().keys() }

// Append appends the encoding of o, its entry in the member table: ID, height u64, and the content of
// its enrol event.
func (o *Org) Append(b []byte) []byte {
	b = append(b, o.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, o.Height)
	return o.enrol().Append(b)
}

// Encode returns the encoding of o.
func (o *Org) Encode() []byte { return o.Append(nil) }

// DecodeOrg decodes exactly one entry of the member table.
func DecodeOrg(b []byte) (*Org, error) {
	r := reader{what: "member", buf: b}
	id, height := r.hash(), r.uint64()
	e := r.enrol()
	if err := r.end(); err != nil {
		return nil, err
	}
	return &Org{
		ID: id, Name: e.Name, Domains: e.Domains, Key: e.OrgKey, Nodes: e.Nodes,
		Records: e.Records, ThresholdFloor: e.ThresholdFloor, Height: height,
	}, nil
}

// members is the table of organisations with its lookups. It is immutable;
// blocks without events share their parent's.
type members struct {
	orgs       []*Org // ascending by ID
	leaves     []Hash // of orgs, in the same order
	root       Hash
	byID       map[Hash]*Org
	byKey      map[Key]*Org
	byRecorder map[Key]recorderEntry
	byNode     map[Key]*Org
	byDomain   map[string][]*Org // ascending by ID
}

type recorderEntry struct {
	org *Org
	key *verifyingKey
}

// newMembers returns an empty table.
func newMembers() *members {
	return (&members{
		byID:       make(map[Hash]*Org),
		byKey:      make(map[Key]*Org),
		byRecorder: make(map[Key]recorderEntry),
		byNode:     make(map[Key]*Org),
		byDomain:   make(map[string][]*Org),
	}).hash()
}

// has reports whether a key is, or was, an organisation's.
func (m *members) has(k ownKey) (ok bool) {
	switch k.kind {
	case orgKey:
		_, ok = m.byKey[k.key]
	case recorderKey:
		_, ok = m.byRecorder[k.key]
	case nodeKey:
		_, ok = m.byNode[k.key]
	}
	return ok
}

// add and remove change m itself, all but its hashes.
func (m *members) add(o *Org) {
	at, _ := slices.BinarySearchFunc(m.orgs, o, compareOrgs)
	m.orgs = slices.Insert(m.orgs, at, o)
	m.byID[o.ID] = o
	m.byKey[o.Key] = o
	for _, n := range o.Nodes {
		m.byRecorder[n.Recorder] = recorderEntry{o, newVerifyingKey(n.Recorder)}
		m.byNode[n.Node] = o
	}
	for _, d := range o.Domains {
		// The slices are shared with the table this one was cloned from.
		claimants := append(slices.Clip(m.byDomain[d]), o)
		slices.SortFunc(claimants, compareOrgs)
		m.byDomain[d] = claimants
	}
}

func (m *members) remove(o *Org) {
	m.orgs = slices.DeleteFunc(m.orgs, func(x *Org) bool { return x == o })
	delete(m.byID, o.ID)
	delete(m.byKey, o.Key)
	for _, n := range o.Nodes {
		delete(m.byRecorder, n.Recorder)
		delete(m.byNode, n.Node)
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
		orgs:       slices.Clone(m.orgs),
		byID:       maps.Clone(m.byID),
		byKey:      maps.Clone(m.byKey),
		byRecorder: maps.Clone(m.byRecorder),
		byNode:     maps.Clone(m.byNode),
		byDomain:   maps.Clone(m.byDomain),
	}
}

// hash brings the leaves and the root up to date.
func (m *members) hash() *members {
	m.leaves = make([]Hash, len(m.orgs))
	var buf []byte
	for i, o := range m.orgs {
		buf = o.Append(buf[:0])
		m.leaves[i] = LeafHash(buf)
	}
	m.root = MerkleRoot(m.leaves)
	return m
}

func compareOrgs(a, b *Org) int { return bytes.Compare(a.ID[:], b.ID[:]) }
