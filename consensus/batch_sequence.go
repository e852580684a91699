package consensus

// batchSequence follows the series of batches through a list, such as a block's. What came before
// the list it knows if it has a state.
type batchSequence struct {
	params  *Params
	state   *State // nil: not known
	height  uint64 // of the block they are for; 0 without a state
	moved   map[Series]BatchTip
	opening map[Key]bool // keys of which the list opens a series
}

// newBatchSequence returns a sequence that does not know what came before.
func newBatchSequence(p *Params) *batchSequence {
	return &batchSequence{params: p, moved: make(map[Series]BatchTip), opening: make(map[Key]bool)}
}

// newBatchSequenceOn returns a sequence for batches in a block on top of s.
func newBatchSequenceOn(s *State) *batchSequence {
	q := newBatchSequence(s.Params())
	q.state, q.height = s, s.Height()+1
	return q
}

// next checks that b, whose form is right, comes next in its series, and moves the tip of that.
func (q *batchSequence) next(b *Batch) error {
	series := b.Series()
	tip, known := q.moved[series]
	if !known && q.state != nil {
		tip, known = q.state.tips.tip(series), true // zero before the first batch: exactly what it must follow
	}
	switch {
	case known && b.Seq != tip.Seq+1:
		return broken(RuleBatchSeq, "batch %d of %v: number %d is next", b.Seq, b.Recorder, tip.Seq+1)
	case known && b.Prev != tip.ID:
		return broken(RuleBatchPrev, "batch %d of %v follows %v, number %d has the ID %v", b.Seq, b.Recorder, b.Prev, tip.Seq, tip.ID)
	case known && q.params.Version < ParamsV2 && b.Time <= tip.Time:
		return broken(RuleBatchTime, "batch %d of %v: time %d is not after %d of the one before", b.Seq, b.Recorder, b.Time, tip.Time)
	case q.params.Version >= ParamsV2 && b.Seq == 1:
		if err := q.open(b.Recorder); err != nil {
			return err
		}
	}
	q.moved[series] = BatchTip{Seq: b.Seq, ID: b.ID(), Time: b.Time}
	return nil
}

// open checks that a key may open another series.
func (q *batchSequence) open(recorder Key) error {
	if q.opening[recorder] || q.state != nil && q.height < q.state.EpochFrom(recorder) {
		return broken(RuleEpoch, "recorder key %v opens an epoch less than %d blocks after its last one", recorder, EpochGap)
	}
	q.opening[recorder] = true
	return nil
}
