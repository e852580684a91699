package chain

import (
	"errors"
	"fmt"

	"cairn/consensus"
)

// Index names a block: its height and its id. The zero Index stands for the
// place before genesis.
type Index struct {
	Height uint64         `json:"height"`
	ID     consensus.Hash `json:"id"`
}

// String returns height and the first 8 hex digits of the id.
func (i Index) String() string { return fmt.Sprintf("%d:%s", i.Height, i.ID.String()[:8]) }

// IsZero reports whether i is the place before genesis.
func (i Index) IsZero() bool { return i == Index{} }

// Update is one step of the best branch: Block leads from Parent to Index when
// it is applied, and back when it is reverted. The Parent of genesis is the zero
// Index. The block is shared: do not change it.
type Update struct {
	Block         *consensus.Block
	Index, Parent Index
}

// Status says what an added block did.
type Status uint8

const (
	Extended    Status = iota + 1 // it is the new tip, on top of the former
	SideBranch                    // stored; another branch has at least as much work
	Reorganised                   // its branch has become the best: some blocks were reverted, others applied
)

// String returns the status in one lower-case word, for logs.
func (s Status) String() string {
	switch s {
	case Extended:
		return "extended"
	case SideBranch:
		return "side-branch"
	case Reorganised:
		return "reorganised"
	}
	return "none"
}

var (
	// ErrKnown: the block is stored already.
	ErrKnown = errors.New("the block is known")
	// ErrUnknownParent: the block's parent is not stored. Fetch it first.
	ErrUnknownParent = errors.New("the block's parent is not known: fetch it first")
	// ErrNotWanted: the block is of a branch that has no more work than the best one, and leaves
	// that too far below the tip, or has least work of all that are kept. See Branch.
	ErrNotWanted = errors.New("the block is on a branch without more work, and there is no room for it")
	// ErrUnknownIndex: the cursor is not of this chain, or was on a branch that
	// is no longer stored. The follower starts over from the zero Index.
	ErrUnknownIndex = errors.New("the cursor is of no stored block: start over from genesis")
	// ErrNotFound: no such block is stored.
	ErrNotFound = errors.New("no such block is stored")
)
