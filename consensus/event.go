package consensus

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
)

// EventType says what an organisation's event does.
type EventType uint8

// The types of events.
const (
	EventEnrol    EventType = 1 // makes an organisation a member
	EventUpdate   EventType = 2 // changes what it says of itself
	EventAddNode  EventType = 3
	EventDropNode EventType = 4
	EventReplace  EventType = 5 // a node takes another recorder key
	EventRotate   EventType = 6 // another org key, after a day or with the recovery key at once
	EventRevoke   EventType = 7 // another org key, by the recovery key
	EventSuspend  EventType = 8 // ends a recorder key that signed two batches with one number
)

// eventTypes are the contents that this program knows.
var eventTypes = map[EventType]eventType{
	EventEnrol:    {"enrol", ParamsV1, func(r *reader, version uint16) Content { return r.enrol(version) }},
	EventUpdate:   {"update", ParamsV2, func(r *reader, _ uint16) Content { return r.update() }},
	EventAddNode:  {"add-node", ParamsV2, func(r *reader, _ uint16) Content { return r.addNode() }},
	EventDropNode: {"drop-node", ParamsV2, func(r *reader, _ uint16) Content { return r.dropNode() }},
	EventReplace:  {"replace-recorder", ParamsV2, func(r *reader, _ uint16) Content { return r.replace() }},
	EventRotate:   {"rotate-key", ParamsV2, func(r *reader, _ uint16) Content { return r.rotate() }},
	EventRevoke:   {"revoke", ParamsV2, func(r *reader, _ uint16) Content { return r.revoke() }},
	EventSuspend:  {"suspend", ParamsV2, func(r *reader, _ uint16) Content { return r.suspend() }},
}

type eventType struct {
	name  string
	since uint16 // version of the parameters
	read  func(r *reader, version uint16) Content
}

func (t eventType) ok(version uint16) bool { return t.read != nil && version >= t.since }

// String returns the name, such as enrol.
func (t EventType) String() string { return eventTypes[t].name }

// Content is what an event of one type says: all that differs between the types is behind it, so
// that whoever handles events knows none of them. Each has a file of its own, event_<type>.go.
type Content interface {
	Type() EventType
	// Append appends the encoding in an event of that version to b.
	Append(b []byte, version uint16) []byte
	// size is the number of bytes of the encoding.
	size(version uint16) int
	// keys are those that nobody may have had before, all of them the organisation's from then on.
	keys() []ownKey
	// claims are the mail domains that the organisation claims from then on.
	claims() []string
	// check checks what the event shows by itself, signatures apart.
	check(p *Params, chain ChainID, e *OrgEvent) error
	// queue queues the event's signatures and proofs.
	queue(sigs *signatures, e *OrgEvent)
	// apply checks the event against a member table and changes that, or returns a *RuleError and
	// leaves the table alone.
	apply(t *memberEdit, e *OrgEvent) error
}

// OrgEvent is a signed statement of an organisation about itself. The ID of its enrol event names
// the organisation from then on.
type OrgEvent struct {
	Version   uint16 // that of the parameters
	ChainID   ChainID
	Content   Content
	Stamp     uint64    // of an enrolment the identity stamp, see SolveIdentityStamp; else see SolveEventStamp
	Signature Signature // by the org key, or Signer, over "cairn/1 event" || chain id || ID

	// Version 2, all but the last zero in an enrolment.
	Subject      Hash // ID of the organisation
	Prev         Hash // its previous event; zero where the order does not matter (revoke, suspend)
	Signer       Key  // whose signature it bears; zero in a suspension, which is its own proof
	Attestations []Attestation
}

// Type returns the type of the content.
func (e *OrgEvent) Type() EventType { return e.Content.Type() }

// MarshalJSON shows e with its type, for test vectors.
func (e OrgEvent) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Version       uint16
		Type          EventType
		ChainID       ChainID
		Subject, Prev Hash `json:",omitzero"`
		Signer        Key  `json:",omitzero"`
		Content       Content
		Stamp         uint64
		Signature     Signature
		Attestations  []Attestation `json:",omitzero"`
	}{e.Version, e.Type(), e.ChainID, e.Subject, e.Prev, e.Signer, e.Content, e.Stamp, e.Signature, e.Attestations})
}

// Enrol returns the content of an EventEnrol, nil of any other.
func (e *OrgEvent) Enrol() *Enrol {
	n, _ := e.Content.(*Enrol)
	return n
}

func (e *OrgEvent) appendUnsigned(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, e.Version)
	b = append(b, byte(e.Type()))
	b = binary.BigEndian.AppendUint32(b, uint32(e.ChainID))
	if e.Version >= ParamsV2 {
		b = append(append(append(b, e.Subject[:]...), e.Prev[:]...), e.Signer[:]...)
	}
	b = e.Content.Append(b, e.Version)
	return binary.BigEndian.AppendUint64(b, e.Stamp)
}

// Append appends the encoding of e to b.
func (e *OrgEvent) Append(b []byte) []byte { return e.appendUncovered(e.appendUnsigned(b)) }

// appendUncovered appends what the ID does not cover.
func (e *OrgEvent) appendUncovered(b []byte) []byte {
	b = append(b, e.Signature[:]...)
	if e.Version >= ParamsV2 {
		b = appendAttestations(b, e.Attestations)
	}
	return b
}

// Size returns the number of bytes of the encoding.
func (e *OrgEvent) Size() int {
	size := 2 + 1 + 4 + e.Content.size(e.Version) + 8 + len(e.Signature)
	if e.Version >= ParamsV2 {
		size += 3*32 + 1 + len(e.Attestations)*attestationSize
	}
	return size
}

// Encode returns the encoding of e.
func (e *OrgEvent) Encode() []byte { return e.Append(nil) }

// ID returns SHA-256d of the encoding up to the stamp, without signature and attestations.
func (e *OrgEvent) ID() Hash { return doubleHash(e.appendUnsigned(make([]byte, 0, 512))) }

// SigningBytes returns what the org key signs.
func (e *OrgEvent) SigningBytes() []byte {
	id := e.ID()
	return signingBytes(purposeEvent, e.ChainID, id[:])
}

// Sign signs e, whose other fields must be final.
func (e *OrgEvent) Sign(org ed25519.PrivateKey) { e.Signature = sign(org, e.SigningBytes()) }

// Org returns the ID of the organisation that e is about.
func (e *OrgEvent) Org() Hash {
	if e.Type() == EventEnrol {
		return e.ID()
	}
	return e.Subject
}

// Recorders returns the recorder keys that e makes its organisation's.
func (e *OrgEvent) Recorders() []Key {
	var recorders []Key
	for _, k := range e.Content.keys() {
		if k.kind == recorderKey {
			recorders = append(recorders, k.key)
		}
	}
	return recorders
}

// Claims returns the domains that e claims and the org key that it claims them for.
func (e *OrgEvent) Claims() (org Key, domains []string) {
	if enrol := e.Enrol(); enrol != nil {
		return enrol.OrgKey, enrol.Domains
	}
	return e.Signer, e.Content.claims()
}

func (r *reader) event() (e OrgEvent) {
	e.Version = r.uint16()
	t := EventType(r.uint8())
	known, ok := eventTypes[t]
	switch { // the layout of what follows depends on both
	case r.err != nil:
	case e.Version != ParamsV1 && e.Version != ParamsV2:
		r.err = broken(RuleVersion, "event of version %d, this program knows %d and %d", e.Version, ParamsV1, ParamsV2)
	case !ok || e.Version < known.since:
		r.err = broken(RuleEventType, "event of type %d, which this program does not know", t)
	}
	if r.err != nil {
		return OrgEvent{Content: new(Enrol)}
	}
	e.ChainID = ChainID(r.uint32())
	if e.Version >= ParamsV2 {
		e.Subject, e.Prev, e.Signer = r.hash(), r.hash(), r.key()
	}
	e.Content = known.read(r, e.Version)
	e.Stamp = r.uint64()
	e.Signature = r.sig()
	if e.Version >= ParamsV2 {
		e.Attestations = r.attestations()
	}
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
