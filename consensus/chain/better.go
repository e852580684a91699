package chain

import "cairn/consensus"

// better is the fork choice: whether the branch that ends in candidate takes the place of the best
// one, which ends in current. More work does, however many blocks it lies in; of equal work, the
// branch that was seen first stays.
func better(current, candidate *consensus.HeaderState) bool {
	return candidate.Work().Cmp(current.Work()) > 0
}
