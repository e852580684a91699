package consensus

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
)

// Limits and the version of events.
const (
	EventVersion  uint16 = 1
	MaxOrgName           = 128 // bytes of UTF-8
	MaxDomains           = 16
	MaxDomainName        = 253 // RFC 1035, section 2.3.4, without the final dot
	MaxNodes             = 8
	MaxThreshold         = 100 // per cent
	nodeKeysSize         = 32 + 32 + 64 + 64
)

// EventType says what an organisation's event does.
type EventType uint8

// EventEnrol makes an organisation a member.
const EventEnrol EventType = 1

// RecordsPolicy is what an organisation declares about its own mail.
type RecordsPolicy uint8

const (
	RecordsNone RecordsPolicy = 0 // it records nothing, or makes no promise
	RecordsSome RecordsPolicy = 1 // some of its mail is recorded
	RecordsAll  RecordsPolicy = 2 // mail of its domains without a record is missing it
)

var recordsPolicies = [...]string{RecordsNone: "none", RecordsSome: "some", RecordsAll: "all"}

// String returns none, some or all.
func (p RecordsPolicy) String() string {
	if int(p) < len(recordsPolicies) {
		return recordsPolicies[p]
	}
	return fmt.Sprintf("policy %d", uint8(p))
}

// MarshalText encodes p as none, some or all.
func (p RecordsPolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText decodes none, some or all.
func (p *RecordsPolicy) UnmarshalText(text []byte) error {
	for i, name := range recordsPolicies {
		if name == string(text) {
			*p = RecordsPolicy(i)
			return nil
		}
	}
	return fmt.Errorf("records policy %q: all, some or none expected", text)
}

// NodeKeys are the keys of one node of an organisation. Both keys prove that
// they agree to belong to it, so nobody can enrol a key of someone else.
type NodeKeys struct {
	Node           Key       // libp2p identity
	Recorder       Key       // signs batches and block headers
	Possession     Signature // by Recorder over "cairn/1 possession" || chain id || org key
	NodePossession Signature // by Node over "cairn/1 node possession" || chain id || org key
}

// NewNodeKeys makes the entry of a node, proofs included, for an enrol event
// of the organisation with the given key.
func NewNodeKeys(chain ChainID, org Key, node, recorder ed25519.PrivateKey) NodeKeys {
	return NodeKeys{
		Node:           PublicKey(node),
		Recorder:       PublicKey(recorder),
		Possession:     sign(recorder, signingBytes(purposePossession, chain, org[:])),
		NodePossession: sign(node, signingBytes(purposeNodePossession, chain, org[:])),
	}
}

// Enrol is the content of an EventEnrol.
type Enrol struct {
	Name string // 1 to MaxOrgName bytes of UTF-8, for people
	// Domains are 1 to MaxDomains mail domains as lower-case A-labels, in
	// ascending order. They are claims: several members may claim the same
	// one, and whom to believe is local policy (a pin, or DNS).
	Domains        []string
	OrgKey         Key
	Nodes          []NodeKeys // 1 to MaxNodes
	Records        RecordsPolicy
	ThresholdFloor uint8 // least share of same parts, in per cent, that recipients should demand; 0: none
}

// OrgEvent is a signed statement of an organisation about itself. The ID of
// its enrol event names the organisation from then on.
type OrgEvent struct {
	Version   uint16
	Type      EventType
	ChainID   ChainID
	Enrol     Enrol
	Stamp     uint64    // identity stamp, see SolveIdentityStamp
	Signature Signature // by the org key over "cairn/1 event" || chain id || ID
}

// Append appends the encoding of e, without version, to b.
func (e *Enrol) Append(b []byte) []byte {
	b = appendText(b, e.Name)
	b = append(b, byte(len(e.Domains)))
	for _, d := range e.Domains {
		b = appendText(b, d)
	}
	b = append(b, e.OrgKey[:]...)
	b = append(b, byte(len(e.Nodes)))
	for i := range e.Nodes {
		n := &e.Nodes[i]
		b = append(b, n.Node[:]...)
		b = append(b, n.Recorder[:]...)
		b = append(b, n.Possession[:]...)
		b = append(b, n.NodePossession[:]...)
	}
	return append(b, byte(e.Records), e.ThresholdFloor)
}

func (r *reader) enrol() (e Enrol) {
	e.Name = r.text()
	if n := r.count8(MaxDomains); n > 0 {
		e.Domains = make([]string, n)
		for i := range e.Domains {
			e.Domains[i] = r.text()
		}
	}
	e.OrgKey = r.key()
	if n := r.count8(MaxNodes); n > 0 {
		e.Nodes = make([]NodeKeys, n)
		for i := range e.Nodes {
			e.Nodes[i] = NodeKeys{Node: r.key(), Recorder: r.key(), Possession: r.sig(), NodePossession: r.sig()}
		}
	}
	e.Records = RecordsPolicy(r.uint8())
	e.ThresholdFloor = r.uint8()
	return e
}

func (e *OrgEvent) appendUnsigned(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, e.Version)
	b = append(b, byte(e.Type))
	b = binary.BigEndian.AppendUint32(b, uint32(e.ChainID))
	b = e.Enrol.Append(b)
	return binary.BigEndian.AppendUint64(b, e.Stamp)
}

// Append appends the encoding of e to b.
func (e *OrgEvent) Append(b []byte) []byte { return append(e.appendUnsigned(b), e.Signature[:]...) }

// Size returns the number of bytes of the encoding.
func (e *OrgEvent) Size() int {
	size := 2 + 1 + 4 + 1 + len(e.Enrol.Name) + 1 + 32 + 1 + len(e.Enrol.Nodes)*nodeKeysSize + 2 + 8 + 64
	for _, d := range e.Enrol.Domains {
		size += 1 + len(d)
	}
	return size
}

// Encode returns the encoding of e.
func (e *OrgEvent) Encode() []byte { return e.Append(nil) }

// ID returns SHA-256d of the encoding without the signature.
func (e *OrgEvent) ID() Hash { return doubleHash(e.appendUnsigned(make([]byte, 0, 512))) }

// SigningBytes returns what the org key signs.
func (e *OrgEvent) SigningBytes() []byte {
	id := e.ID()
	return signingBytes(purposeEvent, e.ChainID, id[:])
}

// Sign signs e, whose other fields must be final.
func (e *OrgEvent) Sign(org ed25519.PrivateKey) { e.Signature = sign(org, e.SigningBytes()) }

func (r *reader) event() (e OrgEvent) {
	e.Version = r.uint16()
	e.Type = EventType(r.uint8())
	switch { // the layout of what follows depends on both
	case r.err != nil:
	case e.Version != EventVersion:
		r.err = broken(RuleVersion, "event of version %d, this program knows %d", e.Version, EventVersion)
	case e.Type != EventEnrol:
		r.err = broken(RuleEventType, "event of type %d, this program knows %d (enrol)", e.Type, EventEnrol)
	}
	e.ChainID = ChainID(r.uint32())
	e.Enrol = r.enrol()
	e.Stamp = r.uint64()
	e.Signature = r.sig()
	return e
}

// DecodeEvent decodes exactly one event.
func DecodeEvent(b []byte) (*OrgEvent, error) {
	r := reader{what: "event", buf: b}
	e := r.event()
	if err := r.end(); err != nil {
		return nil, err
	}
	return &e, nil
}
