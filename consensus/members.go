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

func newOrg(e *OrgEvent, height uint64) *Org {
	return &Org{
		ID:             e.ID(),
		Name:           e.Enrol.Name,
		Domains:        e.Enrol.Domains,
		Key:            e.Enrol.OrgKey,
		Nodes:          e.Enrol.Nodes,
		Records:        e.Enrol.Records,
		ThresholdFloor: e.Enrol.ThresholdFloor,
		Height:         height,
	}
}

// Append appends the encoding of o, its entry in the member table: ID, height
// u64, and the content of its enrol event.
func (o *Org) Append(b []byte) []byte {
	b = append(b, o.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, o.Height)
	e := Enrol{Name: o.Name, Domains: o.Domains, OrgKey: o.Key, Nodes: o.Nodes, Records: o.Records, ThresholdFloor: o.ThresholdFloor}
	return e.Append(b)
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

// newMembers expects organisations that share no ID and no key.
func newMembers(orgs []*Org) *members {
	m := &members{
		byID:       make(map[Hash]*Org, len(orgs)),
		byKey:      make(map[Key]*Org, len(orgs)),
		byRecorder: make(map[Key]recorderEntry, len(orgs)),
		byNode:     make(map[Key]*Org, len(orgs)),
		byDomain:   make(map[string][]*Org, len(orgs)),
	}
	return m.grow(orgs)
}

// with returns the table with orgs added; m stays as it is.
func (m *members) with(orgs []*Org) *members {
	if len(orgs) == 0 {
		return m
	}
	return m.clone().grow(orgs)
}

// grow adds orgs to m itself.
func (m *members) grow(orgs []*Org) *members {
	for _, o := range orgs {
		m.orgs = append(m.orgs, o)
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
	slices.SortFunc(m.orgs, compareOrgs)
	return m.hash()
}

// without returns the table with the organisations of these IDs taken out.
func (m *members) without(ids []Hash) *members {
	if len(ids) == 0 {
		return m
	}
	c := m.clone()
	for _, id := range ids {
		o := c.byID[id]
		if o == nil {
			continue
		}
		c.orgs = slices.DeleteFunc(c.orgs, func(x *Org) bool { return x == o })
		delete(c.byID, o.ID)
		delete(c.byKey, o.Key)
		for _, n := range o.Nodes {
			delete(c.byRecorder, n.Recorder)
			delete(c.byNode, n.Node)
		}
		for _, d := range o.Domains {
			left := slices.DeleteFunc(slices.Clone(c.byDomain[d]), func(x *Org) bool { return x == o })
			if len(left) == 0 {
				delete(c.byDomain, d)
			} else {
				c.byDomain[d] = left
			}
		}
	}
	return c.hash()
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
