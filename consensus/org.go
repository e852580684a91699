package consensus

import (
	"encoding/binary"
	"slices"
)

// Org is a member organisation as the state knows it. It is shared between states and must not be
// changed.
type Org struct {
	ID             Hash // ID of its enrol event
	Name           string
	Domains        []string
	Key            Key
	Nodes          []OrgNode
	Records        RecordsPolicy
	ThresholdFloor uint8
	Height         uint64 // of the block with its enrol event

	// Of networks with parameters of version 2.
	Version   uint16   // of the parameters
	Recovery  Hash     // RecoveryCommitment of its recovery key; zero: it has none
	Pending   Rotation // of its key; zero: none
	LastEvent Hash     // the event that its next one has to name
	Changed   uint64   // height of the block with that
}

// Rotation is an org key that takes another's place.
type Rotation struct {
	Key Key
	At  uint64 // height of the first block in which it counts
}

// OrgNode is a node of an organisation.
type OrgNode struct {
	NodeKeys
	Since uint64  // height of the block that enrolled it
	Until uint64  // of the block that ended it; 0: none did
	End   NodeEnd // why it ended
}

// NodeEnd says why a node of an organisation ended.
type NodeEnd uint8

// The ends of nodes.
const (
	NodeActive    NodeEnd = 0
	NodeDropped   NodeEnd = 1 // by its organisation: batches are taken for DropGrace blocks more
	NodeRevoked   NodeEnd = 2 // with the organisation's key
	NodeSuspended NodeEnd = 3 // it signed two batches with one number
)

// SealsAt reports whether batches of the node's recorder key count in a block of that height.
// Headers and attestations are of nodes that have not ended.
func (n *OrgNode) SealsAt(height uint64) bool {
	return n.End == NodeActive || n.End == NodeDropped && height <= n.Until+DropGrace
}

// KeyAt returns the org key that counts in a block of that height.
func (o *Org) KeyAt(height uint64) Key {
	if o.Pending.At != 0 && height >= o.Pending.At {
		return o.Pending.Key
	}
	return o.Key
}

// ActiveNodes returns how many nodes have not ended.
func (o *Org) ActiveNodes() (n int) {
	for i := range o.Nodes {
		if o.Nodes[i].End == NodeActive {
			n++
		}
	}
	return n
}

// checkRoom refuses one node more than an entry may have.
func (o *Org) checkRoom() error {
	if len(o.Nodes) >= maxEntryNodes {
		return broken(RuleNodeCount, "%d nodes of organisation %v are there or ended in the last %d blocks", len(o.Nodes), o.ID, DropGrace)
	}
	return nil
}

// node returns the place of the node with that node key, -1 if it is none of o's or has ended.
func (o *Org) node(key Key) int {
	return slices.IndexFunc(o.Nodes, func(n OrgNode) bool { return n.Node == key && n.End == NodeActive })
}

// recorder returns the place of the node with that recorder key, -1 if it is none of o's.
func (o *Org) recorder(key Key) int {
	return slices.IndexFunc(o.Nodes, func(n OrgNode) bool { return n.Recorder == key })
}

// changed returns a copy of o for an event to change in a block of that height: with the key that
// counts there, and without nodes that ended so long ago that nothing of them counts.
func (o *Org) changed(height uint64) *Org {
	c := *o
	c.Key = o.KeyAt(height)
	if c.Key != o.Key {
		c.Pending = Rotation{}
	}
	c.Nodes = nil
	for _, n := range o.Nodes {
		if n.End == NodeActive || height <= n.Until+DropGrace {
			c.Nodes = append(c.Nodes, n)
		}
	}
	return &c
}

// keys are all keys in the entry.
func (o *Org) keys() []ownKey {
	keys := []ownKey{{orgKey, o.Key}}
	if o.Pending.At != 0 {
		keys = append(keys, ownKey{orgKey, o.Pending.Key})
	}
	for i := range o.Nodes {
		keys = append(keys, ownKey{recorderKey, o.Nodes[i].Recorder}, ownKey{nodeKey, o.Nodes[i].Node})
	}
	return keys
}

// Append appends the encoding of o, its entry in the member table. Under version 1: ID, height u64,
// and the content of its enrol event. Under version 2: ID, height u64, name text, number of domains
// u8, domains text, key, records u8, threshold floor u8, number of nodes u8, nodes (node key,
// recorder key, since u64, until u64, end u8), recovery commitment 32, pending key 32 and its
// height u64, last event 32 and its height u64.
func (o *Org) Append(b []byte) []byte {
	b = append(b, o.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, o.Height)
	if o.Version < ParamsV2 {
		e := Enrol{Name: o.Name, Domains: o.Domains, OrgKey: o.Key, Records: o.Records, ThresholdFloor: o.ThresholdFloor}
		for i := range o.Nodes {
			e.Nodes = append(e.Nodes, o.Nodes[i].NodeKeys)
		}
		return e.Append(b, ParamsV1)
	}
	b = appendDomains(appendText(b, o.Name), o.Domains)
	b = append(b, o.Key[:]...)
	b = append(b, byte(o.Records), o.ThresholdFloor, byte(len(o.Nodes)))
	for i := range o.Nodes {
		n := &o.Nodes[i]
		b = append(append(b, n.Node[:]...), n.Recorder[:]...)
		b = binary.BigEndian.AppendUint64(b, n.Since)
		b = binary.BigEndian.AppendUint64(b, n.Until)
		b = append(b, byte(n.End))
	}
	b = append(append(b, o.Recovery[:]...), o.Pending.Key[:]...)
	b = binary.BigEndian.AppendUint64(b, o.Pending.At)
	b = append(b, o.LastEvent[:]...)
	return binary.BigEndian.AppendUint64(b, o.Changed)
}

// Encode returns the encoding of o.
func (o *Org) Encode() []byte { return o.Append(nil) }

func (r *reader) org(version uint16) *Org {
	o := &Org{ID: r.hash(), Height: r.uint64(), Version: version}
	if version < ParamsV2 {
		e := r.enrol(ParamsV1)
		o.Version = 0
		o.Name, o.Domains, o.Key, o.Records, o.ThresholdFloor = e.Name, e.Domains, e.OrgKey, e.Records, e.ThresholdFloor
		for _, n := range e.Nodes {
			o.Nodes = append(o.Nodes, OrgNode{NodeKeys: n, Since: o.Height})
		}
		return o
	}
	o.Name, o.Domains, o.Key = r.text(), r.domains(), r.key()
	o.Records, o.ThresholdFloor = RecordsPolicy(r.uint8()), r.uint8()
	for range r.uint8() {
		o.Nodes = append(o.Nodes, OrgNode{
			NodeKeys: NodeKeys{Node: r.key(), Recorder: r.key()}, Since: r.uint64(), Until: r.uint64(), End: NodeEnd(r.uint8()),
		})
	}
	o.Recovery = r.hash()
	o.Pending = Rotation{r.key(), r.uint64()}
	o.LastEvent, o.Changed = r.hash(), r.uint64()
	return o
}

// DecodeOrg decodes exactly one entry of the member table of a network.
func DecodeOrg(n *Network, b []byte) (*Org, error) {
	r := reader{what: "member", buf: b}
	o := r.org(n.params.Version)
	if err := r.end(); err != nil {
		return nil, err
	}
	return o, nil
}

// Past is what an organisation's entry was until a block changed it.
type Past struct {
	Org   *Org
	Until uint64 // height of the first block after which it was another
}

// Append appends the encoding of p: until u64, and the entry.
func (p *Past) Append(b []byte) []byte {
	return p.Org.Append(binary.BigEndian.AppendUint64(b, p.Until))
}

// pastSize is the number of bytes of a former entry.
func pastSize(o *Org) int { return len((&Past{Org: o}).Encode()) }

// Encode returns the encoding of p.
func (p *Past) Encode() []byte { return p.Append(nil) }

// DecodePast decodes exactly one former entry of a network.
func DecodePast(n *Network, b []byte) (*Past, error) {
	r := reader{what: "former member", buf: b}
	p := &Past{Until: r.uint64()}
	p.Org = r.org(n.params.Version)
	if err := r.end(); err != nil {
		return nil, err
	}
	return p, nil
}
