package consensus

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"slices"
)

// EventType says what an organisation's event does.
type EventType uint8

// The types of events.
const (
	EventEnrol EventType = 1 // makes an organisation a member
)

// eventTypes are the contents that this program knows.
var eventTypes = map[EventType]eventType{
	EventEnrol: {"enrol", func(r *reader) Content { return r.enrol() }},
}

type eventType struct {
	name string
	read func(r *reader) Content
}

// String returns the name, such as enrol.
func (t EventType) String() string { return eventTypes[t].name }

// Content is what an event of one type says: all that differs between the types is behind it, so that
// whoever handles events knows none of them. Each has a file of its own, event_<type>.go.
type Content interface {
	Type() EventType
	// Append appends the encoding to b.
	Append(b []byte) []byte
	// size is the number of bytes of the encoding.
	size() int
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

// OrgEvent is a signed statement of an organisation about itself. The ID of its enrol event names the
// organisation from then on.
type OrgEvent struct {
	Version   uint16 // that of the parameters
	ChainID   ChainID
	Content   Content
	Stamp     uint64    // identity stamp, see SolveIdentityStamp
	Signature Signature // by the org key over "cairn/1 event" || chain id || ID
}

// Type returns the type of the content.
func (e *OrgEvent) Type() EventType { return e.Content.Type() }

// MarshalJSON shows e with its type, for test vectors.
func (e OrgEvent) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Version   uint16
		Type      EventType
		ChainID   ChainID
		Content   Content
		Stamp     uint64
		Signature Signature
	}{e.Version, e.Type(), e.ChainID, e.Content, e.Stamp, e.Signature})
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
	b = e.Content.Append(b)
	return binary.BigEndian.AppendUint64(b, e.Stamp)
}

// Append appends the encoding of e to b.
func (e *OrgEvent) Append(b []byte) []byte { return append(e.appendUnsigned(b), e.Signature[:]...) }

// Size returns the number of bytes of the encoding.
func (e *OrgEvent) Size() int { return 2 + 1 + 4 + e.Content.size() + 8 + len(e.Signature) }

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

// Org returns the ID of the organisation that e is about.
func (e *OrgEvent) Org() Hash { return e.ID() }

// Concerns returns the recorder keys and domains of which e may change whose they are.
func (e *OrgEvent) Concerns() (recorders []Key, domains []string) {
	return e.Recorders(), e.Content.claims()
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

// Exclusive reports whether two events cannot both be in a chain.
func Exclusive(a, b *OrgEvent) bool {
	for _, key := range a.Content.keys() {
		if slices.Contains(b.Content.keys(), key) {
			return true
		}
	}
	return false
}

func (r *reader) event() (e OrgEvent) {
	e.Version = r.uint16()
	t := EventType(r.uint8())
	known, ok := eventTypes[t]
	switch { // the layout of what follows depends on both
	case r.err != nil:
	case e.Version != ParamsV1 && e.Version != ParamsV2:
		r.err = broken(RuleVersion, "event of version %d, this program knows %d and %d", e.Version, ParamsV1, ParamsV2)
	case !ok:
		r.err = broken(RuleEventType, "event of type %d, which this program does not know", t)
	}
	if r.err != nil {
		return OrgEvent{Content: new(Enrol)}
	}
	e.ChainID = ChainID(r.uint32())
	e.Content = known.read(r)
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
