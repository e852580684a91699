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
	tip, _ := s.BatchTip(r.pub)
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
	if !b.Seal(stop, s.Params().BatchStamp, r.key) {
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
	if _, ok := s.OrgByRecorder(r.pub); !ok {
		return nil
	}
	tip, _ := s.BatchTip(r.pub)
	for seq := range r.sentAt {
		if seq <= tip.Seq {
			delete(r.sentAt, seq)
		}
	}
	for seq := tip.Seq + 1; seq < r.open.Seq && seq <= tip.Seq+window; seq++ {
		if at, ok := r.sentAt[seq]; ok && now.Sub(at) < 3*s.Params().BlockInterval {
			continue
		}
		b, err := r.closed(seq)
		if err != nil {
			return err
		}
		r.submit(b)
		r.sentAt[seq] = now
	}
	return nil
}

// closed reads our closed batch number seq.
func (r *Recorder) closed(seq uint64) (*consensus.Batch, error) {
	var raw []byte
	err := r.store.View(func(rd *mailstore.Reader) error {
		b, err := rd.Space(space).Get(batchKey(seq))
		if errors.Is(err, mailstore.ErrNotFound) {
			err = fmt.Errorf("batch %d is not stored: the chain went back further than %d blocks, or the data folder is damaged", seq, keepBlocks)
		}
		raw = b
		return err
	})
	if err != nil {
		return nil, err
	}
	return consensus.DecodeBatch(raw)
}

// Waiting says how much of our mail is on its way to a block.
type Waiting struct {
	Seq     uint64 // the open batch
	Micros  int    // sealed in it
	Batches int    // closed, in no block
}

// Status reads the recorder's durable state and the chain's view of it.
func Status(rd *mailstore.Reader, s *consensus.State, recorder consensus.Key) (Waiting, error) {
	open := openBatch{Seq: 1}
	if err := getJSON(rd.Space(space), keyOpen, &open); err != nil {
		return Waiting{}, err
	}
	tip, _ := s.BatchTip(recorder)
	w := Waiting{Seq: open.Seq, Micros: len(open.Micros)}
	if open.Seq > tip.Seq {
		w.Batches = int(open.Seq - 1 - tip.Seq)
	}
	return w, nil
}

func seqOfIncluded(key []byte) uint64 {
	return binary.BigEndian.Uint64(key[len(key)-8:])
}
