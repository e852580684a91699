package mempool

import (
	"cmp"
	"math"
	"slices"

	"cairn/consensus"
)

// entry is one batch in the pool.
type entry struct {
	batch *consensus.Batch
	id    consensus.Hash
	order uint64 // of arrival
}

// entryCost is the allowance for what an entry takes beside its encoding.
const entryCost = 512

func (e *entry) size() int { return e.batch.Size() + entryCost }

// queue holds the batches of one series, ascending by number. Numbers may
// be missing: what comes after a gap waits.
type queue []*entry

func bySeq(e *entry, seq uint64) int { return cmp.Compare(e.batch.Seq, seq) }

func (q queue) find(seq uint64) (at int, found bool) {
	return slices.BinarySearchFunc(q, seq, bySeq)
}

// conflict reports whether b, which is not in q, contradicts q: another batch
// with its number, or a neighbour that it does not chain to.
func (q queue) conflict(b *consensus.Batch, id consensus.Hash) bool {
	at, found := q.find(b.Seq)
	if found {
		return true
	}
	if at > 0 && q[at-1].batch.Seq+1 == b.Seq && q[at-1].id != b.Prev {
		return true
	}
	return at < len(q) && q[at].batch.Seq == b.Seq+1 && q[at].batch.Prev != id
}

// run returns the batches that can follow tip one after another right away in a
// block of that time: at most so many.
func (q queue) run(tip consensus.BatchTip, latest uint64, most int) queue {
	at, _ := q.find(tip.Seq + 1)
	n, ordered := 0, latest < math.MaxUint64 // else a time is a claim
	for n < most && at+n < len(q) {
		b := q[at+n].batch
		if b.Seq != tip.Seq+1 || b.Prev != tip.ID || ordered && b.Time <= tip.Time || b.Time > latest {
			break
		}
		tip = consensus.BatchTip{Seq: b.Seq, ID: q[at+n].id, Time: b.Time}
		n++
	}
	return q[at : at+n]
}
