package recorder

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
)

// close turns the open batch into a closed one when it is full, when none of
// ours waits for a block, or after half a block interval.
func (r *Recorder) close(ctx context.Context, s *consensus.State, now time.Time) error {
	if len(r.open.Micros) == 0 {
		return nil
	}
	tip, _ := s.BatchTip(r.series(&r.open))
	waiting := r.open.Seq - 1 - tip.Seq
	young := within(s.Params().BlockInterval/2, time.UnixMilli(int64(r.open.Opened)), now)
	full := len(r.open.Micros) == consensus.MaxMicros
	if !full && waiting > 0 && (waiting >= window || young) {
		return nil
	}
	at, signersTip := max(uint64(now.UnixMilli()), r.open.LastTime+1), consensus.Hash{}
	if s.Params().HasEpochs() {
		at, signersTip = uint64(now.UnixMilli()), s.Tip()
	}
	next, err := r.closeBatch(ctx, s, keyOpen, r.open, at, signersTip)
	if err == nil {
		r.open = next
	}
	return err
}

// closeBatch turns o, which is stored under key, into a closed batch of the time
// at, and returns what follows it under that key.
func (r *Recorder) closeBatch(ctx context.Context, s *consensus.State, key string, o openBatch, at uint64, signersTip consensus.Hash) (next openBatch, err error) {
	b := &consensus.Batch{
		ChainID: s.ChainID(),
		Epoch:   o.Epoch, Seq: o.Seq, Prev: o.Prev,
		Time: at, Tip: signersTip,
		Micros: o.Micros,
	}
	stop := func() bool { return ctx.Err() != nil }
	if !b.Seal(stop, s.Params(), r.all[r.of(&o)]) {
		return o, ctx.Err()
	}
	next = openBatch{Key: o.Key, Epoch: o.Epoch, Seq: b.Seq + 1, Prev: b.ID(), LastTime: b.Time}
	err = r.store.Update(ctx, func(tx *mailstore.Tx) error {
		if err := tx.Space(space).Put(batchKey(o.number()), b.Encode()); err != nil {
			return err
		}
		return tx.Space(space).PutJSON([]byte(key), next)
	})
	if err != nil {
		return o, err
	}
	r.log.Debug("recorder: closed a batch", "epoch", b.Epoch, "seq", b.Seq, "micros", len(b.Micros))
	return next, nil
}

// resubmit hands the closed batches that no block holds yet to the network:
// once at first, then again whenever three block intervals passed in vain.
func (r *Recorder) resubmit(s *consensus.State, now time.Time) error {
	if r.halted != "" {
		return nil
	}
	opens := make(map[consensus.Key]bool) // a key has opened an epoch
	for _, o := range r.epochs() {
		key := r.of(o)
		if !s.Seals(key) {
			continue
		}
		if why, err := r.conflict(s, o); err != nil {
			return err
		} else if why != "" {
			continue // a former epoch that somebody else has signed in as well
		}
		if _, opened := s.BatchTip(r.series(o)); !opened && o.Epoch != 0 && o.Seq > 1 {
			if opens[key] || s.Height()+1 < s.EpochFrom(key) {
				continue // held back: no block would take it yet
			}
			opens[key] = true // the next one is for later
		}
		if err := r.resubmitEpoch(s, o, now); err != nil {
			return err
		}
	}
	return nil
}

// resubmitEpoch is resubmit for the closed batches before o.
func (r *Recorder) resubmitEpoch(s *consensus.State, o *openBatch, now time.Time) error {
	tip, _ := s.BatchTip(r.series(o))
	for n := range r.sentAt {
		if n.epoch == o.Epoch && n.seq <= tip.Seq {
			delete(r.sentAt, n) // submitted anew should the chain lose it
		}
	}
	for seq := tip.Seq + 1; seq < o.Seq && seq <= tip.Seq+window; seq++ {
		n := number{o.Epoch, seq}
		if at, ok := r.sentAt[n]; ok && within(3*s.Params().BlockInterval, at, now) {
			continue
		}
		var b *consensus.Batch
		err := r.store.View(func(rd *mailstore.Reader) (err error) {
			b, err = closedBatch(rd.Space(space), n)
			return err
		})
		if errors.Is(err, mailstore.ErrNotFound) {
			r.noteMissing(n)
			return nil
		}
		if err != nil {
			return err
		}
		r.submit(b)
		r.sentAt[n] = now
	}
	return nil
}

// noteMissing logs, once, that the chain asks for a batch that was forgotten.
func (r *Recorder) noteMissing(n number) {
	if r.missing != n {
		r.log.Warn("recorder: the chain seen here does not hold a batch that was included long ago; waiting for the rest of the chain",
			"seq", n.seq, "kept_blocks", keepBlocks)
		r.missing = n
	}
}

// closedBatch reads our closed batch n, or mailstore.ErrNotFound.
func closedBatch(sp mailstore.SpaceReader, n number) (*consensus.Batch, error) {
	raw, err := sp.Get(batchKey(n))
	if err != nil {
		return nil, fmt.Errorf("closed batch %d: %w", n.seq, err)
	}
	return consensus.DecodeBatch(raw)
}

// Waiting says how much of our mail is on its way to a block.
type Waiting struct {
	Epoch   uint64 // that this Recorder has opened; 0: none yet, or there are none
	Seq     uint64 // the open batch
	Micros  int    // sealed in it
	Batches int    // closed, in no block
	Copies  int    // of senders, with records that are sealed and in no block
	Halted
}

// Status reads the recorder's durable state and the chain's view of it. It may
// be called while Run runs.
func (r *Recorder) Status(rd *mailstore.Reader) (Waiting, error) {
	epochs, err := storedEpochs(rd)
	if err != nil {
		return Waiting{}, err
	}
	halted, err := r.Halted(rd)
	if err != nil {
		return Waiting{}, err
	}
	open := epochs[len(epochs)-1]
	w := Waiting{Epoch: r.epoch.Load(), Seq: open.Seq, Micros: len(open.Micros), Halted: halted}
	s := r.chain.State()
	for _, o := range epochs {
		if r.cannotCome(s, r.of(o)) {
			continue
		}
		if err := w.count(rd.Space(space), s, r.series(o), o); err != nil {
			return Waiting{}, err
		}
	}
	return w, nil
}

// count adds what one epoch of ours has in no block.
func (w *Waiting) count(sp mailstore.SpaceReader, s *consensus.State, series consensus.Series, o *openBatch) error {
	tip, _ := s.BatchTip(series)
	if o.Seq > tip.Seq {
		w.Batches += int(o.Seq - 1 - tip.Seq)
	}
	prefix := []byte(sentPrefix)
	if o.Epoch != 0 {
		prefix = binary.BigEndian.AppendUint64(prefix, o.Epoch)
	}
	return sp.Scan(prefix, sentKey(number{o.Epoch, tip.Seq + 1}, 0), func(_, refs []byte) bool {
		w.Copies += len(refs) / mailstore.RefSize
		return true
	})
}
