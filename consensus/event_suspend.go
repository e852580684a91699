package consensus

import (
	"bytes"
	"encoding/binary"
)

// Suspend is the content of an EventSuspend: two batches of one series with one number, both
// signed. It is its own proof: anybody may bring it, and nobody signs it.
type Suspend struct {
	First, Second BatchHead // the first has the lower ID
}

// BatchHead is a batch of version 2 without its micro-roots: what its ID and signature are of.
type BatchHead struct {
	Fixed     [batchFixedSizeV2]byte
	Signature Signature
}

// Head returns the head of a batch of version 2.
func (b *Batch) Head() (h BatchHead) {
	b.appendFixed(h.Fixed[:0])
	h.Signature = b.Signature
	return h
}

// NewSuspend makes the content from two batches that contradict each other, in either order.
func NewSuspend(a, b *Batch) *Suspend {
	first, second := a.ID(), b.ID()
	if bytes.Compare(first[:], second[:]) > 0 {
		a, b = b, a
	}
	return &Suspend{a.Head(), b.Head()}
}

func (h *BatchHead) id() Hash { return doubleHash(h.Fixed[:]) }

// chain and series are at fixed places, see Batch.appendFixed; place is the series with the seq
// behind it.
func (h *BatchHead) version() uint16 { return binary.BigEndian.Uint16(h.Fixed[:]) }
func (h *BatchHead) chain() ChainID  { return ChainID(binary.BigEndian.Uint32(h.Fixed[4:])) }
func (h *BatchHead) recorder() Key   { return Key(h.Fixed[8:40]) }
func (h *BatchHead) place() []byte   { return h.Fixed[8:56] }
func (h *BatchHead) append(b []byte) []byte {
	return append(append(b, h.Fixed[:]...), h.Signature[:]...)
}

// Type returns EventSuspend.
func (*Suspend) Type() EventType { return EventSuspend }

// Append appends the encoding of s to b: of each batch the bytes before its micro-roots and the
// signature.
func (s *Suspend) Append(b []byte, _ uint16) []byte { return s.Second.append(s.First.append(b)) }

func (*Suspend) size(uint16) int { return 2 * (batchFixedSizeV2 + 64) }

func (r *reader) suspend() *Suspend {
	s := new(Suspend)
	for _, h := range []*BatchHead{&s.First, &s.Second} {
		copy(h.Fixed[:], r.take(batchFixedSizeV2))
		h.Signature = r.sig()
	}
	return s
}

func (*Suspend) keys() []ownKey   { return nil }
func (*Suspend) claims() []string { return nil }

func (s *Suspend) check(_ *Params, chain ChainID, e *OrgEvent) error {
	first, second := s.First.id(), s.Second.id()
	switch {
	case !e.Signer.IsZero() || e.Signature != (Signature{}):
		return broken(RuleEvidence, "a suspension is signed by nobody")
	case s.First.version() != ParamsV2 || s.Second.version() != ParamsV2 || s.First.chain() != chain || s.Second.chain() != chain:
		return broken(RuleEvidence, "a batch of another version or network")
	case !bytes.Equal(s.First.place(), s.Second.place()):
		return broken(RuleEvidence, "the batches have not the same key, epoch and number")
	case bytes.Compare(first[:], second[:]) >= 0:
		return broken(RuleEvidence, "two different batches in the order of their IDs expected")
	}
	return nil
}

func (s *Suspend) queue(sigs *signatures, e *OrgEvent) {
	for _, h := range []*BatchHead{&s.First, &s.Second} {
		id := h.id()
		sigs.add(h.recorder(), signingBytes(purposeBatch, e.ChainID, id[:]), h.Signature,
			broken(RuleEvidence, "batch %v is not signed by %v", id, h.recorder()))
	}
}

func (s *Suspend) apply(t *memberEdit, e *OrgEvent) error {
	o, err := t.next(e)
	if err != nil {
		return err
	}
	i := o.recorder(s.First.recorder())
	if i < 0 || o.Nodes[i].End == NodeSuspended || o.Nodes[i].End == NodeRevoked {
		return broken(RuleUnknownNode, "%v is no recorder key of organisation %v, or ended already", s.First.recorder(), o.ID)
	}
	o.Nodes[i].End, o.Nodes[i].Until = NodeSuspended, t.height
	o.Changed = t.height
	t.succeed(o, e)
	return nil
}
