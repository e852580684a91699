package miner

import (
	"errors"
	"fmt"
	"time"

	"cairn/consensus"
)

// ErrNotMember: the key is not an enrolled recorder key, so no block that it
// signs would be valid.
var ErrNotMember = errors.New("only members mine: the recorder key is not enrolled in the chain yet")

// Template returns a block on top of s for the given miner to solve and sign.
// Its time is now, or just after the median of the last blocks if that is
// later. Of events and batches, in their order, it holds those with which the
// block is valid; a batch that cannot be in it takes the later ones of its key
// along. Without any it is an empty block, which is as good.
func Template(s *consensus.State, events []consensus.OrgEvent, batches []consensus.Batch, miner consensus.Key, now time.Time) (*consensus.Block, error) {
	if !s.Mines(miner) {
		return nil, fmt.Errorf("recorder key %s: %w", miner, ErrNotMember)
	}
	b := &consensus.Block{Header: consensus.SignedHeader{Header: consensus.Header{
		Version: s.Params().Version,
		ChainID: s.ChainID(),
		Height:  s.Height() + 1,
		Prev:    s.Tip(),
		Miner:   miner,
		Time:    blockTime(s, now),
		Bits:    s.NextBits(),
	}}}
	room := consensus.MaxBody - b.BodySize()
	b.Events = validEvents(s, events, &room)
	b.Batches = validBatches(s, b.Events, batches, b.Header.Time, room)
	b.Header.BodyRoot = consensus.BodyRoot(b.Header.Version, b.Events, b.Batches)
	b.Header.StateRoot = consensus.StateRootAfter(s, b.Events, b.Batches)
	return b, nil
}

func blockTime(s *consensus.State, now time.Time) uint64 {
	return max(uint64(max(now.UnixMilli(), 0)), s.MedianTime()+1)
}

func validEvents(s *consensus.State, events []consensus.OrgEvent, room *int) []consensus.OrgEvent {
	var valid []consensus.OrgEvent
	for i, err := range consensus.ValidateEvents(s, events) {
		if size := events[i].Size(); err == nil && size <= *room {
			valid = append(valid, events[i])
			*room -= size
		}
	}
	return valid
}

// validBatches keeps what fits the room, the block's time and the order of rounds.
func validBatches(s *consensus.State, events []consensus.OrgEvent, batches []consensus.Batch, blockTime uint64, room int) []consensus.Batch {
	var valid []consensus.Batch
	limit := consensus.BatchTimeLimit(s.Params(), blockTime)
	counts := make(map[consensus.Key]int)
	ended := make(map[consensus.Key]bool)
	round := 1
	for i, err := range consensus.ValidateBatches(s, events, batches) {
		b := &batches[i]
		size, number := b.Size(), counts[b.Recorder]+1
		if err != nil || ended[b.Recorder] || size > room || b.Time > limit || number < round || number > consensus.MaxBatchesPerKey {
			ended[b.Recorder] = true
			continue
		}
		valid = append(valid, *b)
		counts[b.Recorder], round = number, number
		room -= size
	}
	return valid
}
