package p2p

import (
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
)

// Chain is the block chain that a Host feeds and reads. *chain.Manager is one. All methods may be
// called at once from many goroutines.
type Chain interface {
	// Genesis is the network; it never changes.
	Genesis() *consensus.Genesis
	// State is the state at the tip of the best chain.
	State() *consensus.State
	// HeaderState returns that of any stored block, on whichever branch; an error if the block is
	// not stored.
	HeaderState(id consensus.Hash) (*consensus.HeaderState, error)
	// Block returns any stored block.
	Block(id consensus.Hash) (*consensus.Block, error)
	// CheckHeader returns the error that AddBlock would, as far as the block's header shows.
	CheckHeader(h *consensus.SignedHeader, now time.Time) error
	// NewBranch returns what weighs a branch of another node by its headlines.
	NewBranch() *chain.Branch
	// AddBlock validates and stores a block: chain.ErrKnown, chain.ErrUnknownParent,
	// chain.ErrNotWanted, consensus.ErrFuture or a *consensus.RuleError say why not; any other
	// error is trouble of this node and no fault of the block.
	AddBlock(b *consensus.Block, now time.Time) (chain.Status, error)
	// Locator names blocks of the best chain from the tip back, ever farther apart, down to
	// genesis.
	Locator() []consensus.Hash
	// IDsAfter names blocks of the best chain, oldest first, beginning after the first block of
	// locator that is on it.
	IDsAfter(locator []consensus.Hash, most int) ([]consensus.Hash, error)
}

// Pool is the mempool that a Host feeds and reads. *mempool.Pool is one. All methods may be called
// at once from many goroutines.
type Pool interface {
	// AddBatch takes a batch in; nil only if it is new and may be passed on. It decides by the
	// state s at the tip. A *consensus.RuleError proves that the batch is bad, unless it is
	// OfState.
	AddBatch(s *consensus.State, b *consensus.Batch, now time.Time) error
	// AddEvent takes an org event in; nil only if it is new and may be passed on. Its rule errors
	// are as those of AddBatch.
	AddEvent(s *consensus.State, e *consensus.OrgEvent, now time.Time) error
	// Match returns the pooled batches whose short id is wanted, by short id; a wanted id that two
	// batches share is left out.
	Match(short func(id consensus.Hash) uint64, want []uint64) map[uint64]*consensus.Batch
	// Batches returns all pooled batches, those of one recorder key in ascending order. The caller
	// must not change them.
	Batches() []*consensus.Batch
	// Events returns all pooled org events. The caller must not change them.
	Events() []*consensus.OrgEvent
}
