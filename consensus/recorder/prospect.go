package recorder

import (
	"slices"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/message"
)

// prospect is what is to be expected of the place that a token names.
type prospect int

const (
	comes    prospect = iota // it is in a block, or is on its way to one
	doubtful                 // it is not closed here, but somebody else may have
	lost                     // no block will ever hold it
)

// partly reports whether an entry has left for some of the recipients that the record
// names.
func partly(t *record.Token, e Entry) bool {
	named := 0
	for _, c := range t.Record.Commitments {
		if c.Type == message.Recipient {
			named++
		}
	}
	return named > len(e.Recipients)
}

// view is what prospects are told from.
type view struct {
	*Recorder
	state  *consensus.State
	stored map[number][]consensus.MicroRoot // of batches in blocks
}

func (v *view) prospect(t *record.Token) (prospect, error) {
	n := number{t.Record.Epoch, t.Seq}
	if !v.ours(t.Recorder) || n.epoch == 0 {
		return comes, nil
	}
	tip, _ := v.state.BatchTip(consensus.Series{Recorder: t.Recorder, Epoch: n.epoch})
	if n.seq <= tip.Seq {
		return v.inBlock(n, t)
	}
	i := slices.IndexFunc(v.epochs(), func(o *openBatch) bool { return o.Epoch == n.epoch })
	if i < 0 {
		return comes, nil // the epoch was settled, and is forgotten
	}
	o := v.epochs()[i]
	if p, gone := v.gone(v.state, t.Recorder); gone {
		return p, nil
	}
	if why, err := v.conflict(v.state, o); err != nil || why != "" {
		return lost, err
	}
	left := n.seq == o.Seq && int(t.Micro) < len(o.Micros) && !v.restored
	switch {
	case v.over(v.state, t.Recorder):
		return lost, nil
	case n.seq < o.Seq || left:
		return comes, nil
	case v.mayClose(v.state, o):
		return lost, nil
	}
	return doubtful, nil
}

// inBlock looks a token's micro-batch up in the block that holds a batch of its number.
func (v *view) inBlock(n number, t *record.Token) (prospect, error) {
	micros, known := v.stored[n]
	if !known {
		var err error
		if micros, err = v.microsInBlock(n); err != nil {
			return comes, err
		}
		v.stored[n] = micros
	}
	if micros == nil || int(t.Micro) < len(micros) && micros[t.Micro] == t.MicroRoot() {
		return comes, nil
	}
	return lost, nil
}

// microsInBlock reads a batch from its block; nil if the block is not known, as of a
// batch that was forgotten since it is far down.
func (v *view) microsInBlock(n number) (micros []consensus.MicroRoot, err error) {
	height, known := uint64(0), false
	err = v.store.View(func(rd *mailstore.Reader) error {
		height, known, err = rd.Space(space).Number(inKey(n))
		return err
	})
	if err != nil || !known {
		return nil, err
	}
	at, ok := v.chain.IndexAt(height)
	if !ok {
		return nil, nil
	}
	b, err := v.chain.Block(at.ID)
	if err != nil {
		return nil, err
	}
	for i := range b.Batches {
		if own := &b.Batches[i]; v.ours(own.Recorder) && own.Epoch == n.epoch && own.Seq == n.seq {
			return own.Micros, nil
		}
	}
	return nil, nil
}
