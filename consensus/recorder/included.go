package recorder

import (
	"context"
	"slices"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore/outbox"
)

// Mail may be held until its record is in a block of the best chain. One block is enough, as it is
// for the label of the sender's copy and for the verdict of who gets it. When a reorganisation
// takes the block away the mail is held again, if it has not left.

// Holder holds mail until its record is in a block.
type Holder interface {
	// Awaited returns up to so many entries that are not to leave before, by ascending id, starting
	// after the entry with the given id.
	Awaited(after uint64, most int) ([]outbox.Awaited, error)
	// SetIncluded notes whether the records of entries are in blocks.
	SetIncluded(ctx context.Context, ids []uint64, in bool) error
}

// noteIncluded tells the holder which records are in blocks, when the chain has another end than
// when it last did. What is sealed later is in none of these.
func (r *Recorder) noteIncluded(ctx context.Context, s *consensus.State) error {
	if r.holder == nil || r.cursor.ID != s.Tip() || r.lookedIn == r.cursor.ID {
		return nil // nothing has changed, or the chain was not followed to its end
	}
	v := view{Recorder: r, state: s, stored: make(map[number][]consensus.MicroRoot)}
	for after, more := uint64(0), true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		list, err := r.holder.Awaited(after, anewStep)
		if err != nil {
			return err
		}
		var in, out []uint64
		for i := range list {
			after = list[i].ID
			included, err := v.included(&list[i])
			switch {
			case err != nil:
				return err
			case included:
				in = append(in, after)
			default:
				out = append(out, after)
			}
		}
		if err := r.holder.SetIncluded(ctx, out, false); err != nil {
			return err
		}
		if err := r.holder.SetIncluded(ctx, in, true); err != nil {
			return err
		}
		more = len(list) == anewStep
	}
	r.lookedIn = r.cursor.ID
	return nil
}

// included reports whether a block holds the record of an entry. Of a batch that is so far down
// that it was forgotten here, that is what was found before.
func (v *view) included(e *outbox.Awaited) (bool, error) {
	t, ok, err := record.FindToken(e.Token)
	if err != nil || !ok {
		return false, nil // not sealed; or damaged, and held
	}
	n := number{t.Record.Epoch, t.Seq}
	micros, known := v.stored[n]
	if !known {
		if micros, err = v.microsInBlock(n); err != nil {
			return false, err
		}
		v.stored[n] = micros
	}
	if micros != nil {
		return int(t.Micro) < len(micros) && micros[t.Micro] == t.MicroRoot(), nil
	}
	tip, _ := v.state.BatchTip(consensus.Series{Recorder: t.Recorder, Epoch: n.epoch})
	comes := slices.ContainsFunc(v.epochs(), func(o *openBatch) bool { return o.Epoch == n.epoch })
	return e.Included && (n.seq <= tip.Seq || !comes), nil
}
