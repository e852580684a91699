package consensus

import "encoding/binary"

// Headline is what of a block can be judged without its batches: header and events, and what the
// body root is made of beside these. A branch of headlines shows how much work it has, and that
// members made it.
type Headline struct {
	Header  SignedHeader
	Events  []OrgEvent
	Batches Hash // Merkle root of the batches' leaves
}

// headlineFixed is the number of bytes of an encoded headline without events.
const headlineFixed = SignedHeaderSize + 32 + 2

// MaxHeadlineSize is the most bytes that an encoded headline has.
const MaxHeadlineSize = headlineFixed + MaxBody

// Headline returns that of b. It shares the events.
func (b *Block) Headline() *Headline {
	_, batches := bodyRoots(b.Header.Version, b.Events, b.Batches)
	return &Headline{Header: b.Header, Events: b.Events, Batches: batches}
}

// Size returns the number of bytes of the encoding.
func (h *Headline) Size() int {
	size := headlineFixed
	for i := range h.Events {
		size += h.Events[i].Size()
	}
	return size
}

// Encode returns the encoding: signed header, root of the batches 32, number of events u16, events.
func (h *Headline) Encode() []byte {
	b := h.Header.Append(make([]byte, 0, h.Size()))
	b = append(b, h.Batches[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(h.Events)))
	for i := range h.Events {
		b = h.Events[i].Append(b)
	}
	return b
}

// DecodeHeadline decodes exactly one headline.
func DecodeHeadline(b []byte) (*Headline, error) {
	if len(b) > MaxHeadlineSize {
		return nil, broken(RuleBodySize, "headline of %d bytes, at most %d allowed", len(b), MaxHeadlineSize)
	}
	r := reader{what: "headline", buf: b}
	h := &Headline{Header: r.signedHeader(), Batches: r.hash()}
	for n := int(r.uint16()); n > 0 && r.err == nil; n-- {
		h.Events = append(h.Events, r.event())
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return h, nil
}

// ValidateHeadline checks h on top of a state, of which only header state and members have to be
// right: its header, that a member's node signed it, and its events. It says nothing about the
// batches. Under version 1 the state root is that of the members, and is checked too.
func ValidateHeadline(s *State, h *Headline) error {
	if err := ValidateHeader(s.hs, &h.Header); err != nil {
		return err
	}
	if err := ValidateMiner(s, &h.Header); err != nil {
		return err
	}
	events, _ := bodyRoots(h.Header.Version, h.Events, nil)
	if root := NodeHash(events, h.Batches); root != h.Header.BodyRoot {
		return broken(RuleBodyRoot, "header has body root %v, its events and the root of its batches have %v", h.Header.BodyRoot, root)
	}
	sigs := newSignatures(3 * len(h.Events))
	for i := range h.Events {
		e := &h.Events[i]
		if err := checkEventForm(s.Params(), s.ChainID(), e); err != nil {
			return err
		}
		e.Content.queue(sigs, e)
	}
	members, err := applyEvents(s, h.Events)
	if err != nil {
		return err
	}
	if root := stateRoot(s.hs.net, members, s.tips, s.hs.blocks); s.Params().Version < ParamsV2 && root != h.Header.StateRoot {
		return broken(RuleStateRoot, "header has state root %v, its events lead to %v", h.Header.StateRoot, root)
	}
	return sigs.first()
}

// AfterHeadline returns the state after a block as far as its headline, for which ValidateHeadline
// is nil, tells: header state and members are right, but where series of batches stand is as in s.
func AfterHeadline(s *State, h *Headline) *State {
	next, _ := ApplyBlock(s, &Block{Header: h.Header, Events: h.Events})
	return next
}
