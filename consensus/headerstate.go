package consensus

import (
	"encoding/binary"
	"slices"
)

const medianBlocks = 11 // the median of so many block times must be exceeded

// HeaderStateSize is the number of bytes of an encoded HeaderState.
const HeaderStateSize = 8 + 32 + 32 + 8 + 8 + 8*medianBlocks

// HeaderState is what the headers up to a block determine, and all that is
// needed to judge the next header. It is never changed once made.
type HeaderState struct {
	net     *Network
	height  uint64
	id      Hash
	work    Work                 // of all blocks after genesis
	elapsed uint64               // chain time since genesis in ms, with the gap rule
	latest  uint64               // highest block time so far
	times   [medianBlocks]uint64 // of the last blocks, newest last; unused ones come first and are zero
	blocks  ancestry             // parameters version 2: all blocks, this one included
}

func genesisHeaderState(n *Network, genesis *Header) *HeaderState {
	hs := &HeaderState{net: n, id: n.genesis, latest: genesis.Time}
	hs.times[medianBlocks-1] = genesis.Time
	hs.extend(genesis.Bits)
	return hs
}

// Network returns the network that the header belongs to.
func (hs *HeaderState) Network() *Network { return hs.net }

// Height returns the height of the block; genesis has 0.
func (hs *HeaderState) Height() uint64 { return hs.height }

// ID returns the ID of the block.
func (hs *HeaderState) ID() Hash { return hs.id }

// Work returns the work of all blocks up to this one; genesis counts nothing.
func (hs *HeaderState) Work() Work { return hs.work }

// Time returns the block's time in ms since 1970.
func (hs *HeaderState) Time() uint64 { return hs.times[medianBlocks-1] }

// LatestTime returns the highest time of all blocks up to this one, in ms since 1970.
func (hs *HeaderState) LatestTime() uint64 { return hs.latest }

// MedianTime returns the median time of the last 11 blocks, or of all if there
// are fewer; the next block's time must be higher.
func (hs *HeaderState) MedianTime() uint64 {
	n := int(min(hs.height, medianBlocks-1)) + 1
	times := hs.times
	last := times[medianBlocks-n:]
	slices.Sort(last)
	return last[n/2]
}

// NextBits returns the compact target that the next header must state.
func (hs *HeaderState) NextBits() uint32 {
	interval := uint64(hs.net.params.BlockInterval.Milliseconds())
	return nextTarget(hs.net.target, interval, hs.elapsed, hs.height).Bits()
}

// Next returns the state after h, which must be valid on top of hs.
func (hs *HeaderState) Next(h *Header) *HeaderState {
	next := *hs
	next.height = h.Height
	next.id = h.ID()
	target, _ := TargetFromBits(h.Bits)
	next.work = hs.work.Add(target.Work())
	copy(next.times[:], hs.times[1:])
	next.times[medianBlocks-1] = h.Time
	// Chain time runs with the highest block time so far, so that stepping
	// back and forth moves nothing, and a long sleep counts as 20 T.
	if h.Time > hs.latest {
		gap := h.Time - hs.latest
		next.elapsed += min(gap, maxGapBlocks*uint64(hs.net.params.BlockInterval.Milliseconds()))
		next.latest = h.Time
	}
	next.extend(h.Bits)
	return &next
}

// extend takes the block of hs, with those bits, into the tree over all blocks.
func (hs *HeaderState) extend(bits uint32) {
	if hs.net.params.Version >= ParamsV2 {
		hs.blocks = hs.blocks.with(AncestorLeaf(hs.id, hs.height, hs.Time(), hs.elapsed, bits, hs.work))
	}
}

// Append appends the HeaderStateSize bytes of hs to b and, with parameters of version 2, the roots
// of the full subtrees over all blocks, 32 bytes each.
func (hs *HeaderState) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, hs.height)
	b = append(b, hs.id[:]...)
	work := hs.work.Bytes()
	b = append(b, work[:]...)
	b = binary.BigEndian.AppendUint64(b, hs.elapsed)
	b = binary.BigEndian.AppendUint64(b, hs.latest)
	for _, t := range hs.times {
		b = binary.BigEndian.AppendUint64(b, t)
	}
	return hs.blocks.append(b)
}

// Encode returns the encoding of hs, see Append.
func (hs *HeaderState) Encode() []byte { return hs.Append(make([]byte, 0, HeaderStateSize)) }

func (r *reader) headerState(n *Network) *HeaderState {
	hs := &HeaderState{net: n}
	hs.height = r.uint64()
	hs.id = r.hash()
	hs.work = WorkFromBytes(r.hash())
	hs.elapsed, hs.latest = r.uint64(), r.uint64()
	for i := range hs.times {
		hs.times[i] = r.uint64()
		if blocks := min(hs.height, medianBlocks-1) + 1; uint64(i) < medianBlocks-blocks && hs.times[i] != 0 {
			r.fail("time of a block before genesis is not zero")
		}
	}
	if n.params.Version >= ParamsV2 {
		hs.blocks = r.ancestry(hs.height + 1)
	}
	return hs
}

// DecodeHeaderState decodes exactly the bytes that were written by Append for the same network.
// They come from this node's own store, so only their form is checked.
func DecodeHeaderState(n *Network, b []byte) (*HeaderState, error) {
	r := reader{what: "header state", buf: b}
	hs := r.headerState(n)
	if err := r.end(); err != nil {
		return nil, err
	}
	return hs, nil
}
