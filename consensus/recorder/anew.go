package recorder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
)

// What was sealed in a place that no block will ever hold is sealed anew, if it has not
// left. Such places are those of a batch that was open when a backup was made, unless
// whoever went on from there has brought it to a block, and those that somebody else
// has signed for. While it is in doubt, mail to others stays here: a token that can be
// in no block is worth nothing to who gets it, and with another token it would arrive
// twice. Mail to own accounts need not wait for that: what was delivered after the
// backup was made is not in this store.

// anewStep is how many tokens are looked at, and taken back, at one time.
const anewStep = 64

// Begin keeps from leaving what bears a token whose place is in doubt. To be called
// before anything is carried.
func (r *Recorder) Begin() error {
	s := r.chain.State()
	if !s.Params().HasEpochs() {
		return nil
	}
	if err := r.load(); err != nil {
		return fmt.Errorf("read the signing state: %w", err)
	}
	found, err := r.lookThrough(context.Background(), s)
	if err == nil {
		r.hold(found)
	}
	return err
}

// sealAnew takes tokens back whose place is lost, when what decides about that has
// changed since it last did.
func (r *Recorder) sealAnew(ctx context.Context, s *consensus.State) error {
	seals := r.opened() && s.Seals(r.pub)
	_, gone := r.gone(s, r.pub)
	if !seals && !gone || r.cursor.ID != s.Tip() {
		return nil // nothing can be sealed, or the chain was not followed to its end
	}
	outlook, err := r.outlook(s)
	if err != nil || outlook == r.looked && (outlook != "" || len(r.held) == 0) {
		return err
	}
	fate, _ := r.fate(s, r.pub)
	takes := fate != Left // what waits for its key to come again keeps its token
	found, err := r.lookThrough(ctx, s)
	if err != nil {
		return err
	}
	free := r.hold(found)
	var back, later []Entry // later: an attempt is under way
	for _, e := range found.lost {
		if takes && free[e.ID] {
			back = append(back, e)
		} else {
			later = append(later, e)
		}
	}
	for part := range slices.Chunk(back, anewStep) {
		if err := r.takeBack(ctx, part); err != nil {
			return err
		}
	}
	if len(back) > 0 {
		r.log.Warn("recorder: mail that has not left is recorded anew, since no block will hold its record", "entries", len(back))
	}
	r.release(append(found.doubtful, later...))
	if len(later) == 0 || !takes {
		r.looked = outlook
	}
	return nil
}

// outlook says in short what prospects depend on; empty if everything comes.
func (r *Recorder) outlook(s *consensus.State) (string, error) {
	var b strings.Builder
	b.WriteString(r.anyGone(s))
	for i := range r.formers {
		f := &r.formers[i]
		why, err := r.conflict(s, &f.openBatch)
		if err != nil {
			return "", err
		}
		if over := r.over(s, r.of(&f.openBatch)); f.GivenUp || why != "" || over {
			tip, _ := s.BatchTip(r.series(&f.openBatch))
			fmt.Fprintf(&b, "%x %d %s %v %v\n", f.Epoch, tip.Seq, why, r.mayClose(s, &f.openBatch), over)
		}
	}
	return b.String(), nil
}

// prospects are the entries with tokens that may not come.
type prospects struct{ doubtful, lost []Entry }

// lookThrough sorts out what is sealed and waits to be carried.
func (r *Recorder) lookThrough(ctx context.Context, s *consensus.State) (found prospects, err error) {
	outlook, err := r.outlook(s)
	if err != nil || outlook == "" && !r.restored {
		return found, err
	}
	v := view{Recorder: r, state: s, stored: make(map[number][]consensus.MicroRoot)}
	for after, more := uint64(0), true; more && ctx.Err() == nil; {
		list, err := r.queue.Sealed(after, anewStep)
		if err != nil {
			return found, err
		}
		for _, e := range list {
			after = e.ID
			t, ok, err := record.FindToken(e.Token)
			if err != nil || !ok {
				return found, fmt.Errorf("queue entry %d has no sound token: %w", e.ID, err)
			}
			p, err := v.prospect(t)
			if err != nil {
				return found, err
			}
			switch {
			case p == lost, p == doubtful && e.Local && !partly(t, e):
				found.lost = append(found.lost, e)
			case p == doubtful:
				found.doubtful = append(found.doubtful, e)
			}
		}
		more = len(list) == anewStep
	}
	return found, ctx.Err()
}

// hold keeps what may not come from leaving, and returns what is not on its way just now.
func (r *Recorder) hold(found prospects) (free map[uint64]bool) {
	var ids []uint64
	for _, e := range slices.Concat(found.doubtful, found.lost) {
		ids = append(ids, e.ID)
		r.held[e.ID] = true
	}
	free = make(map[uint64]bool)
	for _, id := range r.queue.Hold(ids) {
		free[id] = true
	}
	return free
}

// release lets all go that is held but for these.
func (r *Recorder) release(but []Entry) {
	keep := make(map[uint64]bool)
	for _, e := range but {
		keep[e.ID] = true
	}
	var ids []uint64
	for id := range r.held {
		if !keep[id] {
			ids = append(ids, id)
		}
	}
	r.queue.Release(ids)
	r.held = keep
}

// takeBack takes the tokens of held entries back in one transaction with what is kept
// about their senders' copies.
func (r *Recorder) takeBack(ctx context.Context, entries []Entry) error {
	return r.store.Update(ctx, func(tx *mailstore.Tx) error {
		for _, e := range entries {
			err := r.queue.Unseal(tx, e.ID)
			if errors.Is(err, outbox.ErrGone) {
				continue
			}
			if err == nil && e.Sent.Message != 0 {
				err = forgetRecord(tx.Space(space), e)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// forgetRecord notes that a record of a sender's copy is to be made anew. What has left
// for some of its recipients stays without a record, and the copy without its label.
func forgetRecord(sp mailstore.Space, e Entry) error {
	t, _, err := record.FindToken(e.Token)
	if err != nil {
		return err
	}
	n := number{t.Record.Epoch, t.Seq}
	if err := addRecords(sp, ofKey(e.Sent, anew), 1); err != nil || partly(t, e) {
		return err
	}
	if err := addRecords(sp, ofKey(e.Sent, n), -1); err != nil {
		return err
	}
	if more, err := sp.Has(ofKey(e.Sent, n)); err != nil || more {
		return err
	}
	key := sentKey(n, t.Micro)
	value, err := sp.Get(key)
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	refs, err := decodeRefs(value)
	if err != nil {
		return err
	}
	var left []byte
	for _, ref := range refs {
		if ref != e.Sent {
			left = ref.Append(left)
		}
	}
	return sp.Put(key, left)
}
