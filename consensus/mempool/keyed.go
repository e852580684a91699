package mempool

import (
	"cmp"
	"slices"

	"cairn/consensus"
)

// keyed are the waiting batches of one recorder key, in all its series.
type keyed struct {
	recorder consensus.Key
	org      consensus.Hash   // that they count for
	series   map[uint64]queue // by epoch; none is empty
	count    int
}

// queue returns the batches of a series; k may be nil.
func (k *keyed) queue(epoch uint64) queue {
	if k == nil {
		return nil
	}
	return k.series[epoch]
}

// tip returns the last batch in the chain of a series.
func (k *keyed) tip(s *consensus.State, epoch uint64) (tip consensus.BatchTip, opened bool) {
	return s.BatchTip(consensus.Series{Recorder: k.recorder, Epoch: epoch})
}

// last returns the batch that is furthest ahead of the chain, the latest of several. It is the last
// of its series.
func (k *keyed) last(s *consensus.State) (last *entry, ahead uint64) {
	for epoch, q := range k.series {
		e := q[len(q)-1]
		tip, _ := k.tip(s, epoch)
		d := e.batch.Seq - min(e.batch.Seq, tip.Seq)
		if last == nil || cmp.Or(cmp.Compare(d, ahead), cmp.Compare(e.order, last.order)) > 0 {
			last, ahead = e, d
		}
	}
	return last, ahead
}

// makeWay returns which batches of the key have to go for one that is so far ahead of the chain.
// What the chain takes sooner has precedence, so that batches that will never follow keep no others
// out. k may be nil.
func (k *keyed) makeWay(s *consensus.State, b *consensus.Batch, ahead uint64, limits *Policy) (queue, error) {
	if k == nil {
		return nil, nil
	}
	if b.Seq == ahead && k.series[b.Epoch] == nil {
		if less, err := k.closeSeries(s, b.Seq == 1, limits.PerKeyOpen); len(less) > 0 || err != nil {
			return less, err
		}
	}
	if k.count < limits.PerKey {
		return nil, nil
	}
	last, most := k.last(s)
	if most <= ahead {
		return nil, ErrTooFar
	}
	return queue{last}, nil
}

// closeSeries returns which series has to go for another one that the chain does not have: none as
// long as there are fewer than most, else one whose first batch is not here, and only for one whose
// first is.
func (k *keyed) closeSeries(s *consensus.State, hasFirst bool, most int) (queue, error) {
	var without queue
	waiting := 0
	for epoch, q := range k.series {
		if _, opened := k.tip(s, epoch); opened {
			continue
		}
		waiting++
		if q[0].batch.Seq != 1 && (without == nil || q[0].order > without[0].order) {
			without = q
		}
	}
	switch {
	case waiting < most:
		return nil, nil
	case !hasFirst || without == nil:
		return nil, &PolicyError{PolicyEpochs, "series of that key that the chain does not have yet are waiting: it takes one in so many blocks"}
	}
	return slices.Clone(without), nil
}

// run returns the batches of the key that can stand in the next block, at most so many, in an order
// in which they can: series by the arrival of what comes next, of those that the chain does not
// have yet one.
func (k *keyed) run(s *consensus.State, latest uint64, most int) queue {
	var runs []queue
	for epoch, q := range k.series {
		tip, opened := k.tip(s, epoch)
		if !opened && s.Height()+1 < s.EpochFrom(k.recorder) {
			continue
		}
		if run := q.run(tip, latest, most); len(run) > 0 {
			runs = append(runs, run)
		}
	}
	slices.SortFunc(runs, func(a, b queue) int { return cmp.Compare(a[0].order, b[0].order) })
	var all queue
	opening := false
	for _, run := range runs {
		if run[0].batch.Seq == 1 {
			if opening {
				continue
			}
			opening = true
		}
		all = append(all, run[:min(len(run), most-len(all))]...)
	}
	return all
}
