package recorder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
)

// series is the one that this node's batches are of.
func (r *Recorder) series() consensus.Series { return consensus.Series{Recorder: r.pub} }

// close turns the open batch into a closed one when it is full, when none of
// ours waits for a block, or after half a block interval.
func (r *Recorder) close(ctx context.Context, s *consensus.State, now time.Time) error {
	if len(r.open.Micros) == 0 {
		return nil
	}
	tip, _ := s.BatchTip(r.series())
	waiting := r.open.Seq - 1 - tip.Seq
	age := now.Sub(time.UnixMilli(int64(r.open.Opened)))
	full := len(r.open.Micros) == consensus.MaxMicros
	if !full && waiting > 0 && (waiting >= window || age < s.Params().BlockInterval/2) {
		return nil
	}
	b := &consensus.Batch{
		ChainID: s.ChainID(),
		Seq:     r.open.Seq, Prev: r.open.Prev,
		Time:   max(uint64(now.UnixMilli()), r.open.LastTime+1),
		Micros: r.open.Micros,
	}
	stop := func() bool { return ctx.Err() != nil }
	if !b.Seal(stop, s.Params(), r.key) {
		return ctx.Err()
	}
	next := openBatch{Seq: b.Seq + 1, Prev: b.ID(), LastTime: b.Time}
	err := r.store.Update(ctx, func(tx *mailstore.Tx) error {
		if err := tx.Space(space).Put(batchKey(b.Seq), b.Encode()); err != nil {
			return err
		}
		return putJSON(tx.Space(space), []byte(keyOpen), next)
	})
	if err != nil {
		return err
	}
	r.open = next
	r.log.Debug("recorder: closed a batch", "seq", b.Seq, "micros", len(b.Micros))
	return nil
}

// resubmit hands the closed batches that no block holds yet to the network:
// once at first, then again whenever three block intervals passed in vain.
func (r *Recorder) resubmit(s *consensus.State, now time.Time) error {
	if _, ok := s.OrgByRecorder(r.pub); !ok || r.halted != "" {
		return nil
	}
	tip, _ := s.BatchTip(r.series())
	for seq := range r.sentAt {
		if seq <= tip.Seq {
			delete(r.sentAt, seq) // submitted anew should the chain lose it
		}
	}
	for seq := tip.Seq + 1; seq < r.open.Seq && seq <= tip.Seq+window; seq++ {
		if at, ok := r.sentAt[seq]; ok && now.Sub(at) < 3*s.Params().BlockInterval {
			continue
		}
		var b *consensus.Batch
		err := r.store.View(func(rd *mailstore.Reader) (err error) {
			b, err = closedBatch(rd.Space(space), seq)
			return err
		})
		if errors.Is(err, mailstore.ErrNotFound) {
			r.noteMissing(seq)
			return nil
		}
		if err != nil {
			return err
		}
		r.submit(b)
		r.sentAt[seq] = now
	}
	return nil
}

// noteMissing logs, once, that the chain asks for a batch that was forgotten.
func (r *Recorder) noteMissing(seq uint64) {
	if r.missing != seq {
		r.log.Warn("recorder: the chain seen here does not hold a batch that was included long ago; waiting for the rest of the chain",
			"seq", seq, "kept_blocks", keepBlocks)
		r.missing = seq
	}
}

// closedBatch reads our closed batch number seq, or mailstore.ErrNotFound.
func closedBatch(sp mailstore.SpaceReader, seq uint64) (*consensus.Batch, error) {
	raw, err := sp.Get(batchKey(seq))
	if err != nil {
		return nil, fmt.Errorf("closed batch %d: %w", seq, err)
	}
	return consensus.DecodeBatch(raw)
}

// Waiting says how much of our mail is on its way to a block.
type Waiting struct {
	Seq     uint64 // the open batch
	Micros  int    // sealed in it
	Batches int    // closed, in no block
	Copies  int    // of senders, with records that are sealed and in no block
	Halted  string // why nothing is signed; empty: all is well
}

// Status reads the recorder's durable state and the chain's view of it. It may
// be called while Run runs.
func (r *Recorder) Status(rd *mailstore.Reader) (Waiting, error) {
	open := openBatch{Seq: 1}
	if err := getJSON(rd.Space(space), keyOpen, &open); err != nil {
		return Waiting{}, err
	}
	tip, _ := r.chain.State().BatchTip(r.series())
	w := Waiting{Seq: open.Seq, Micros: len(open.Micros)}
	var err error
	if w.Halted, err = conflict(rd.Space(space), &open, tip); err != nil {
		return Waiting{}, err
	}
	if w.Halted == "" && !r.abreast.Load() {
		w.Halted = "the chain as seen here may be older than what this node signed last; waiting for a node of another organisation"
	}
	if open.Seq > tip.Seq {
		w.Batches = int(open.Seq - 1 - tip.Seq)
	}
	err = rd.Space(space).Scan([]byte("sent/"), sentKey(tip.Seq+1, 0), func(_, refs []byte) bool {
		w.Copies += len(refs) / refSize
		return true
	})
	return w, err
}
