package recorder

import (
	"fmt"

	"cairn/consensus"
	"cairn/mailstore"
)

// Each start of a node that seals anything opens an epoch, and blocks take one of a key in
// EpochGap. So that what is sealed is in a block before it is late, and before a key that is
// replaced or dropped counts no more, a start seals nothing while too many before it wait: its mail
// keeps without a record, which may be made at any time.

// maxStarts is how many epochs of a key may wait for a block: they are opened within DropGrace
// blocks, with one EpochGap to spare.
const maxStarts = consensus.DropGrace/consensus.EpochGap - 1

// unopened counts the epochs of a key that have something in them and no batch in a block yet.
func (r *Recorder) unopened(s *consensus.State, key consensus.Key, epochs []*openBatch) (n uint64) {
	for _, o := range epochs {
		if _, opened := s.BatchTip(r.series(o)); !opened && o.Epoch != 0 && o.signed() && r.of(o) == key && s.Seals(key) {
			n++
		}
	}
	return n
}

// opens is the earliest block that opens the n-th of the epochs of a key that wait.
func opens(s *consensus.State, key consensus.Key, n uint64) uint64 {
	return max(s.Height()+1, s.EpochFrom(key)) + (n-1)*consensus.EpochGap
}

// crowded reports whether an epoch in which nothing is sealed yet would be opened too late if
// something was. The last of epochs is the one that is open.
func (r *Recorder) crowded(s *consensus.State, epochs []*openBatch, node *consensus.OrgNode) bool {
	room := uint64(maxStarts)
	if node.End == consensus.NodeDropped {
		last := node.Until + consensus.DropGrace
		room = min(room, (last-min(last, s.Height()))/consensus.EpochGap)
	}
	open := epochs[len(epochs)-1]
	begun := open.signed() && r.of(open) == r.pub
	return !begun && r.unopened(s, r.pub, epochs) >= room && s.Params().HasEpochs()
}

// seals reports whether what is sealed now gets into a block in time.
func (r *Recorder) seals(s *consensus.State, epochs []*openBatch) bool {
	node, ok := s.NodeByRecorder(r.pub)
	return ok && sealsStill(s, &node) && !r.crowded(s, epochs, &node)
}

// haltedByStarts says that too many epochs of the key that signs wait.
func (r *Recorder) haltedByStarts(s *consensus.State, epochs []*openBatch) Halted {
	n := r.unopened(s, r.pub, epochs)
	return Halted{fmt.Sprintf("%d starts of this node have records in no block yet, and blocks take those of one start in %d; it records again once block %d is there",
		n, consensus.EpochGap, opens(s, r.pub, n-maxStarts+1)), "cairn chain status", false}
}

// storedEpochs are the epochs as stored, the one that is open last.
func storedEpochs(rd *mailstore.Reader) ([]*openBatch, error) {
	open := openBatch{Seq: 1}
	if _, err := rd.Space(space).JSON([]byte(keyOpen), &open); err != nil {
		return nil, err
	}
	formers, err := readFormers(rd.Space(space))
	return epochs(formers, &open), err
}

// Backlog is for how many blocks more a key has to stay, that all that was sealed with it gets into
// blocks while they take it; 0: it may end at once. More epochs wait than may after a branch that
// had them in blocks was lost.
func (r *Recorder) Backlog(rd *mailstore.Reader, key consensus.Key) (blocks uint64, err error) {
	epochs, err := storedEpochs(rd)
	if err != nil {
		return 0, err
	}
	s := r.chain.State()
	if n := r.unopened(s, key, epochs); n > maxStarts {
		blocks = opens(s, key, n-maxStarts) - s.Height()
	}
	return blocks, nil
}
