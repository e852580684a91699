package chain

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/mailstore/intact"
)

// Rescued is what was had again of a damaged database.
type Rescued struct {
	Had    uint64   // the greatest height of which a block or a mark was found
	Has    uint64   // the height of the best branch now
	Sound  int      // blocks that could be read, genesis aside
	Broken []string // files of which something could not be read
}

// rescued is a block that could be read in a damaged database.
type rescued struct {
	prev   consensus.Hash
	height uint64
	bits   uint32
	place  intact.Place
}

// rescue is the tree of blocks that could be read.
type rescue struct {
	m        *Manager
	dir      fs.FS
	blocks   map[consensus.Hash]rescued
	children map[consensus.Hash][]consensus.Hash
	result   Rescued
}

// Rescue adds the blocks that can be read in the files of a damaged database: the branch with most
// work of those that follow on genesis without a gap, each validated as if a peer had sent it. What
// breaks a rule is left out with what stands on it. Blocks that are there are no error, so that it
// may be done again. progress is told how many of how many were looked at.
func (m *Manager) Rescue(ctx context.Context, dir fs.FS, now time.Time, progress func(done, of int)) (Rescued, error) {
	r := &rescue{m: m, dir: dir, blocks: map[consensus.Hash]rescued{}, children: map[consensus.Hash][]consensus.Hash{}}
	if err := r.read(ctx); err != nil {
		return r.result, fmt.Errorf("read the blocks of a damaged chain: %w", &SourceError{err})
	}
	for {
		branch := r.best()
		if len(branch) == 0 {
			break
		}
		broken, err := r.add(ctx, branch, now, progress)
		if err != nil {
			return r.result, fmt.Errorf("take the blocks of a damaged chain: %w", err)
		}
		if broken < 0 {
			break
		}
		r.drop(branch[broken])
	}
	r.result.Has = m.Tip().Height
	r.result.Had = max(r.result.Had, r.result.Has)
	return r.result, nil
}

// read finds out which blocks there are. Their contents are read again when they are added, so that
// memory holds no more than where they stand.
func (r *rescue) read(ctx context.Context) (err error) {
	r.result.Broken, err = intact.Salvage(r.dir, func(f intact.Found) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case len(f.Key) == 9 && f.Key[0] == prefixHeight:
			r.result.Had = max(r.result.Had, binary.BigEndian.Uint64(f.Key[1:]))
		case len(f.Key) == 33 && f.Key[0] == prefixBlock:
			r.block(consensus.Hash(f.Key[1:]), f)
		}
		return nil
	})
	r.result.Sound = len(r.blocks)
	return err
}

// block takes a block into the tree if it is the one that its key names.
func (r *rescue) block(id consensus.Hash, f intact.Found) {
	b, err := consensus.DecodeBlock(f.Value)
	if err != nil || b.ID() != id || b.Header.Height == 0 {
		return
	}
	if _, there := r.blocks[id]; !there {
		h := &b.Header
		r.blocks[id] = rescued{prev: h.Prev, height: h.Height, bits: h.Bits, place: f.Place}
		r.children[h.Prev] = append(r.children[h.Prev], id)
		r.result.Had = max(r.result.Had, h.Height)
	}
}

// best is the branch with most work that follows on genesis, from its first block on.
func (r *rescue) best() []consensus.Hash {
	type reached struct {
		id   consensus.Hash
		work consensus.Work
	}
	best := reached{id: r.m.genesis.Block.ID()}
	for open := []reached{best}; len(open) > 0; {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		if at.work.Cmp(best.work) > 0 {
			best = at
		}
		for _, id := range r.children[at.id] {
			b, there := r.blocks[id]
			if target, ok := consensus.TargetFromBits(b.bits); ok && there {
				open = append(open, reached{id, at.work.Add(target.Work())})
			}
		}
	}
	var branch []consensus.Hash
	for id := best.id; id != r.m.genesis.Block.ID(); id = r.blocks[id].prev {
		branch = append(branch, id)
	}
	slices.Reverse(branch)
	return branch
}

// add adds the blocks of a branch, and gives the number of the first that is not valid; -1 if there
// is none.
func (r *rescue) add(ctx context.Context, branch []consensus.Hash, now time.Time, progress func(done, of int)) (broken int, err error) {
	for i, id := range branch {
		if err := ctx.Err(); err != nil {
			return -1, err
		}
		b, err := r.again(id)
		if err == nil {
			_, err = r.m.AddBlock(b, now)
		}
		if errors.Is(err, ErrNotWanted) { // it leaves what is there by now far below the tip
			better, bad, weighed := r.weigh(branch[i:], now)
			if weighed == nil && !better {
				return -1, nil
			}
			if err = weighed; err == nil {
				_, err = r.m.AddBlock(b, now)
			} else {
				i, id = i+bad, branch[i+bad]
			}
		}
		_, isRule := errors.AsType[*consensus.RuleError](err)
		switch {
		case err == nil, errors.Is(err, ErrKnown):
		case isRule, errors.Is(err, consensus.ErrFuture), intact.IsFault(err), errors.Is(err, errOther),
			errors.Is(err, ErrNotWanted), errors.Is(err, ErrUnknownParent):
			r.m.log.Warn("chain: a block that was read is not taken", "height", r.blocks[id].height, "id", id, "err", err)
			return i, nil
		default:
			return -1, err
		}
		progress(i+1, len(branch))
	}
	return -1, nil
}

// weigh has the blocks of a branch waited for if it is better than what is there. After an error
// that is a broken rule or damage, bad is the number of the block that it is about.
func (r *rescue) weigh(branch []consensus.Hash, now time.Time) (better bool, bad int, err error) {
	b := r.m.NewBranch()
	for i, id := range branch {
		if b.Better() {
			break
		}
		block, err := r.again(id)
		if err == nil {
			err = b.Add([]*consensus.Headline{block.Headline()}, now)
		}
		if errors.Is(err, ErrBranchTooLong) {
			r.m.log.Warn("chain: a branch that was read is not taken", "blocks", len(branch), "err", err)
			return false, 0, nil
		}
		if err != nil {
			return false, i, err
		}
	}
	err = b.Check()
	return b.Better(), b.checked, err
}

// SourceError is an error of Rescue that comes of the folder it reads, not of the chain that takes
// the blocks.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// errOther: what was a block when it was first read is none any more.
var errOther = errors.New("it is not what it was when it was read before")

// again reads a block a second time.
func (r *rescue) again(id consensus.Hash) (*consensus.Block, error) {
	value, err := intact.Again(r.dir, r.blocks[id].place)
	if err != nil {
		return nil, &SourceError{err}
	}
	b, err := consensus.DecodeBlock(value)
	if err != nil || b.ID() != id {
		return nil, fmt.Errorf("block %s at %v: %w", id, r.blocks[id].place, errOther)
	}
	return b, nil
}

// IsDamaged tells damage of the database from one that cannot be used for another reason.
func IsDamaged(err error) bool { return errors.Is(err, errDamaged) || intact.IsFault(err) }

// Damage is what is damaged, without what helps.
func Damage(err error) string { return strings.TrimPrefix(err.Error(), errDamaged.Error()+": ") }

// drop leaves a block out, and with it what stands on it.
func (r *rescue) drop(id consensus.Hash) { delete(r.blocks, id) }
