package consensus

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
)

// BatchTip is the last batch of a series that is in the chain.
type BatchTip struct {
	Seq    uint64
	ID     Hash
	Time   uint64 // the batch's, ms since 1970
	Height uint64 // of the block it is in

	// Of networks with parameters of version 2.
	Opened uint64 // height of the block with the first batch of the series
	Number uint32 // of the series, from 0 in the order in which they were opened
}

// SeriesTip is a series of batches with its BatchTip.
type SeriesTip struct {
	Series
	Tip BatchTip
}

// tips are where all series of batches stand. The table is immutable; blocks without batches share
// their parent's.
type tips struct {
	by     map[Series]BatchTip
	opened map[Key][]uint64 // of a key, the heights at which its series were opened
	tree   merkleList       // version 2: over the series in the order in which they were opened
}

func newTips(list []SeriesTip) *tips {
	t := &tips{by: make(map[Series]BatchTip, len(list)), opened: make(map[Key][]uint64)}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b SeriesTip) int { return cmp.Compare(a.Tip.Number, b.Tip.Number) })
	for _, s := range list {
		t.by[s.Series] = s.Tip
		if s.Tip.Opened != 0 {
			t.opened[s.Recorder] = append(t.opened[s.Recorder], s.Tip.Opened)
			t.tree = t.tree.add(s.leaf())
		}
	}
	return t
}

// leaf is what stands for a series in the tree: LeafHash(recorder key || epoch u64 || tip).
func (s *SeriesTip) leaf() Hash {
	b := binary.BigEndian.AppendUint64(slices.Clone(s.Recorder[:]), s.Epoch)
	return LeafHash(s.Tip.Append(b))
}

// lastOpened returns the height at which the newest series of a key was opened; not ok if it has none.
func (t *tips) lastOpened(recorder Key) (height uint64, ok bool) {
	heights := t.opened[recorder]
	if len(heights) == 0 {
		return 0, false
	}
	return heights[len(heights)-1], true
}

// apply returns the tips after the batches of a block, and what they were before: of each series its
// batches stand in, in order of their first; all of the tip is zero where there was none.
func (t *tips) apply(version uint16, batches []Batch, height uint64) (after *tips, before []SeriesTip) {
	if len(batches) == 0 {
		return t, nil
	}
	after = &tips{by: maps.Clone(t.by), opened: t.opened, tree: t.tree}
	if version >= ParamsV2 {
		after.opened = maps.Clone(t.opened)
	}
	for i := range batches {
		b := &batches[i]
		s := SeriesTip{b.Series(), after.by[b.Series()]}
		if s.Tip.Height != height { // its first in this block
			before = append(before, s)
		}
		s.Tip.Seq, s.Tip.ID, s.Tip.Time, s.Tip.Height = b.Seq, b.ID(), b.Time, height
		if version >= ParamsV2 {
			after.note(&s, height)
		}
		after.by[s.Series] = s.Tip
	}
	return after, before
}

// note keeps the tree in line with a series that has moved.
func (t *tips) note(s *SeriesTip, height uint64) {
	if s.Tip.Opened != 0 {
		t.tree = t.tree.set(int(s.Tip.Number), s.leaf())
		return
	}
	s.Tip.Opened, s.Tip.Number = height, uint32(t.tree.len())
	t.opened[s.Recorder] = append(slices.Clip(t.opened[s.Recorder]), height)
	t.tree = t.tree.add(s.leaf())
}

// revert returns the tips before the block that apply was given.
func (t *tips) revert(before []SeriesTip) *tips {
	if len(before) == 0 {
		return t
	}
	prev := &tips{by: maps.Clone(t.by), opened: maps.Clone(t.opened), tree: t.tree}
	for _, s := range slices.Backward(before) {
		now := prev.by[s.Series]
		switch {
		case s.Tip != (BatchTip{}):
			prev.by[s.Series] = s.Tip
			if s.Tip.Opened != 0 {
				prev.tree = prev.tree.set(int(s.Tip.Number), s.leaf())
			}
			continue
		case now.Opened != 0:
			heights := prev.opened[s.Recorder]
			if heights = heights[:len(heights)-1]; len(heights) == 0 {
				delete(prev.opened, s.Recorder)
			} else {
				prev.opened[s.Recorder] = heights
			}
			prev.tree = prev.tree.first(int(now.Number))
		}
		delete(prev.by, s.Series)
	}
	return prev
}

// Sizes of an encoded BatchTip.
const (
	BatchTipSize   = 8 + 32 + 8 + 8
	batchTipSizeV2 = BatchTipSize + 8 + 4
)

// Append appends the encoding of t to b: BatchTipSize bytes, and under version 2 opened u64 and number
// u32 behind them.
func (t BatchTip) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, t.Seq)
	b = append(b, t.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, t.Time)
	b = binary.BigEndian.AppendUint64(b, t.Height)
	if t.Opened == 0 { // no series is opened by genesis
		return b
	}
	b = binary.BigEndian.AppendUint64(b, t.Opened)
	return binary.BigEndian.AppendUint32(b, t.Number)
}

func (r *reader) batchTip(version uint16) BatchTip {
	t := BatchTip{Seq: r.uint64(), ID: r.hash(), Time: r.uint64(), Height: r.uint64()}
	if version >= ParamsV2 {
		t.Opened, t.Number = r.uint64(), r.uint32()
		if t.Opened == 0 && t != (BatchTip{}) {
			r.fail("a series that no block opened")
		}
	}
	return t
}

// DecodeBatchTip decodes exactly one tip of the network.
func DecodeBatchTip(n *Network, b []byte) (BatchTip, error) {
	r := reader{what: "batch tip", buf: b}
	t := r.batchTip(n.params.Version)
	if n.params.Version >= ParamsV2 && t.Opened == 0 {
		r.fail("a series that no block opened")
	}
	return t, r.end()
}
