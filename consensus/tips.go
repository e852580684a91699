package consensus

import (
	"cmp"
	"encoding/binary"
	"slices"

	"cairn/consensus/sorted"
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

// tips are where all series of batches stand. The table is immutable, and shares with the table
// before it all that a block did not change.
type tips struct {
	by     sorted.Map[Series, *BatchTip]
	opened sorted.Map[Key, *opening]
	tree   merkleList[struct{}] // version 2: over the series in the order in which they were opened
}

// opening is where a key opened its latest series, and where those before.
type opening struct {
	height uint64 // of the block
	before *opening
}

func noTips() *tips {
	return &tips{by: sorted.New[Series, *BatchTip](compareSeries), opened: sorted.New[Key, *opening](compareKeys)}
}

func compareSeries(a, b Series) int {
	return cmp.Or(compareKeys(a.Recorder, b.Recorder), cmp.Compare(a.Epoch, b.Epoch))
}

func newTips(list []SeriesTip) *tips {
	t := noTips()
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b SeriesTip) int { return cmp.Compare(a.Tip.Number, b.Tip.Number) })
	opened := make(map[Key]*opening)
	for i := range list {
		if s := &list[i]; s.Tip.Opened != 0 {
			opened[s.Recorder] = &opening{s.Tip.Opened, opened[s.Recorder]}
			t.tree = t.tree.add(s.leaf(), struct{}{})
		}
	}
	t.opened = t.opened.Fill(entriesOf(opened))
	t.put(list)
	return t
}

// leaf is what stands for a series in the tree: LeafHash(recorder key || epoch u64 || tip).
func (s *SeriesTip) leaf() Hash {
	b := binary.BigEndian.AppendUint64(slices.Clone(s.Recorder[:]), s.Epoch)
	return LeafHash(s.Tip.Append(b))
}

func (t *tips) equal(x *tips) bool {
	if t.by.Len() != x.by.Len() || t.tree.root() != x.tree.root() {
		return false
	}
	for series, tip := range t.by.All() {
		if other, ok := x.by.Get(series); !ok || *other != *tip {
			return false
		}
	}
	return true
}

// open adds a series to the tree, and to those that its key has opened. Like shut, put, note and
// set it changes t itself.
func (t *tips) open(s *SeriesTip) {
	last, _ := t.opened.Get(s.Recorder)
	t.opened = t.opened.Set(s.Recorder, &opening{s.Tip.Opened, last})
	t.tree = t.tree.add(s.leaf(), struct{}{})
}

// shut takes back the series that was opened last.
func (t *tips) shut(s Series) {
	if last, _ := t.opened.Get(s.Recorder); last.before != nil {
		t.opened = t.opened.Set(s.Recorder, last.before)
	} else {
		t.opened = t.opened.Delete(s.Recorder)
	}
	t.tree = t.tree.first(t.tree.len() - 1)
}

// put makes these the tips of their series, each of which is there once.
func (t *tips) put(list []SeriesTip) {
	entries := make([]sorted.Entry[Series, *BatchTip], len(list))
	for i := range list {
		tip := list[i].Tip // by itself: it may outlive the others
		entries[i] = sorted.Entry[Series, *BatchTip]{Key: list[i].Series, Value: &tip}
	}
	t.by = t.by.Fill(entries)
}

// apply returns the tips after the batches of a block, and what they were before: of each series
// its batches stand in, in order of their first; all of the tip is zero where there was none.
func (t *tips) apply(version uint16, batches []Batch, height uint64) (after *tips, before []SeriesTip) {
	if len(batches) == 0 {
		return t, nil
	}
	place := make(map[Series]int, len(batches))
	for i := range batches {
		s := batches[i].Series()
		if _, ok := place[s]; !ok {
			place[s] = len(before)
			before = append(before, SeriesTip{s, t.tip(s)})
		}
	}
	moved := slices.Clone(before)
	for i := range batches {
		b := &batches[i]
		tip := &moved[place[b.Series()]].Tip
		tip.Seq, tip.ID, tip.Time, tip.Height = b.Seq, b.ID(), b.Time, height
	}
	c := *t
	if version >= ParamsV2 {
		c.note(moved, height)
	}
	c.put(moved)
	return &c, before
}

// note brings the tree in line with series that have moved, and numbers those that it has not yet.
func (t *tips) note(moved []SeriesTip, height uint64) {
	known := make([]merkleLeaf[struct{}], 0, len(moved))
	for i := range moved {
		s := &moved[i]
		if s.Tip.Opened != 0 {
			known = append(known, s.numbered())
			continue
		}
		s.Tip.Opened, s.Tip.Number = height, uint32(t.tree.len())
		t.open(s)
	}
	t.set(known)
}

// revert returns the tips before the block that apply was given.
func (t *tips) revert(before []SeriesTip) *tips {
	if len(before) == 0 {
		return t
	}
	c := *t
	var left []SeriesTip // the series that stay
	var known []merkleLeaf[struct{}]
	for _, s := range slices.Backward(before) {
		switch {
		case s.Tip == (BatchTip{}):
			if t.tip(s.Series).Opened != 0 {
				c.shut(s.Series)
			}
			c.by = c.by.Delete(s.Series)
			continue
		case s.Tip.Opened != 0:
			known = append(known, s.numbered())
		}
		left = append(left, s)
	}
	c.set(known)
	c.put(left)
	return &c
}

// numbered is the leaf of a series that is in the tree.
func (s *SeriesTip) numbered() merkleLeaf[struct{}] {
	return merkleLeaf[struct{}]{i: int(s.Tip.Number), hash: s.leaf()}
}

// set puts leaves into the tree, in the place of those with their numbers.
func (t *tips) set(known []merkleLeaf[struct{}]) {
	slices.SortFunc(known, func(a, b merkleLeaf[struct{}]) int { return cmp.Compare(a.i, b.i) })
	t.tree = t.tree.set(known...)
}

// tip returns the tip of a series; zero if it has none.
func (t *tips) tip(s Series) BatchTip {
	if tip, ok := t.by.Get(s); ok {
		return *tip
	}
	return BatchTip{}
}

// Sizes of an encoded BatchTip.
const (
	BatchTipSize   = 8 + 32 + 8 + 8
	batchTipSizeV2 = BatchTipSize + 8 + 4
)

// Append appends the encoding of t to b: BatchTipSize bytes, and under version 2 opened u64 and
// number u32 behind them.
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
