package p2p

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
)

// turn is one peer's as the source of blocks.
type turn struct {
	*Host
	p             standing
	begin         time.Time
	lines, bodies portion
	added         int // blocks that were new
}

// portion is how much is asked for at once.
type portion struct{ limit int }

// after sets it by an answer and what part of its time that took: twice as much is asked for where
// that would come in time too, and on a slow line what is sure to come.
func (n *portion) after(came int, cut bool, taken float64) {
	switch {
	case cut:
		n.limit = max(came/2, 1)
	case taken < 0.5:
		n.limit = min(2*n.limit, maxBlocks)
	}
}

// syncFrom fetches blocks from one peer until it has no branch that is better, or until another
// that has failed no more often has waited for its turn (errTurn). It returns how many were new.
// Bodies are asked for once the headlines of the branch show that it has more work than the own one
// and that members made it; until then it costs memory alone, and a bounded amount of that.
func (h *Host) syncFrom(p standing) (added int, err error) {
	t := &turn{Host: h, p: p, begin: time.Now(), lines: portion{limit: firstBlocks}, bodies: portion{limit: firstBlocks}}
	for more := true; more && err == nil; {
		more, err = t.round()
	}
	return t.added, err
}

// round weighs the peer's branch as far as it takes to see that it is better, and fetches that;
// false if it is not.
func (t *turn) round() (more bool, err error) {
	b := t.chain.NewBranch()
	for idle := 0; !b.Better(); {
		if err := t.over(); err != nil {
			return false, err
		}
		had := b.Len()
		grown, err := t.weigh(b)
		if err != nil {
			return false, err
		}
		if !grown {
			return false, t.lighter(b)
		}
		if idle++; b.Len() > had {
			idle = 0
		}
		if idle == idleRounds {
			t.blame(t.p.id, 1)
			return false, errors.New("the peer sends only blocks that are known")
		}
	}
	if err := b.Check(); err != nil {
		return false, t.fault(0, err)
	}
	return true, t.fetch(b)
}

// over returns errTurn if the turn has lasted long enough and another peer waits for its own.
func (t *turn) over() error {
	if time.Since(t.begin) <= turnRequests*t.timing.request {
		return nil
	}
	if slices.ContainsFunc(t.sources(t.p.remote), func(other standing) bool { return other.failures <= t.p.failures }) {
		return errTurn
	}
	return nil
}

// locator begins with id, if that is given, and goes on with that of the own chain.
func (t *turn) locator(id consensus.Hash, given bool) ([]consensus.Hash, error) {
	own := t.chain.Locator()
	if len(own) == 0 {
		return nil, errors.New("the chain database could not be read: see the log")
	}
	if given {
		own = append([]consensus.Hash{id}, own...)
	}
	return own[:min(len(own), maxLocator)], nil
}

// weigh asks for further headlines; false if there are none.
func (t *turn) weigh(b *chain.Branch) (grown bool, err error) {
	locator, err := t.locator(b.Last())
	if err != nil {
		return false, err
	}
	begin := time.Now()
	list, err := t.requestHeadlines(t.p.ctx, t.p.id, t.lines.limit, locator)
	if err := t.answered(&t.lines, len(list), time.Since(begin), err); err != nil {
		return false, err
	}
	last, _ := b.Last()
	for i := range list {
		now := t.cfg.Now()
		err := b.Add(list[i:i+1], now)
		if errors.Is(err, consensus.ErrFuture) {
			t.stats.add("block.early")
			if b.BetterWith(list[i]) { // else it costs next to nothing, and takes the place of one that is needed
				head := &list[i].Header
				t.future.hold(&early{compact: &compactBlock{Header: *head, HeaderOnly: true}, header: &head.Header, from: t.p.id}, now, t.params.BlockInterval)
			}
			if b.Better() {
				break
			}
		}
		if err != nil {
			return false, t.fault(list[i].Header.Height, err)
		}
	}
	end, _ := b.Last()
	return end != last, nil
}

// answered looks at how an answer ended: nil if it is good as far as it came.
func (t *turn) answered(n *portion, came int, took time.Duration, err error) error {
	switch {
	case errors.Is(err, errMalformed):
		return err
	case err != nil && came == 0:
		return fmt.Errorf("%w: %w", errCut, err)
	case err != nil:
		t.stats.add("sync.cut")
	}
	n.after(came, err != nil, took.Seconds()/t.timing.request.Seconds())
	return nil
}

// lighter tells of a peer that has no more headlines, and no branch that is better, whether it has
// claimed one, or a block that is not among them: a few headlines cost next to nothing, and would
// have it asked again and again for blocks that it invents.
func (t *turn) lighter(b *chain.Branch) error {
	switch {
	case b.Len() == 0:
		return nil
	case b.Work().Cmp(t.p.status.Work) < 0:
		return errors.New("the headlines of the peer have less work than it says")
	case !b.Contains(t.p.wanted) && t.lacks(t.p.wanted):
		return errors.New("the block that the peer announced is not among its headlines")
	}
	return errLighter
}

// fetch asks for the blocks of a branch that are missing, oldest first: what comes is validated
// before more is asked for.
func (t *turn) fetch(b *chain.Branch) error {
	for {
		before, ids := b.Missing(t.bodies.limit)
		if len(ids) == 0 {
			return nil
		}
		if err := t.over(); err != nil {
			return err
		}
		locator, err := t.locator(before, true)
		if err != nil {
			return err
		}
		begin := time.Now()
		list, err := t.requestBlocks(t.p.ctx, t.p.id, &blockRequest{Kind: blocksAfter, Limit: uint16(len(ids)), Hashes: locator})
		cut := err != nil
		if err := t.answered(&t.bodies, len(list), time.Since(begin), err); err != nil {
			return err
		}
		moved, err := t.takeAll(ids, list)
		switch {
		case errors.Is(err, chain.ErrNotWanted): // the own chain has grown meanwhile
			return nil
		case err != nil:
			return err
		case !moved && cut:
			return errCut
		case !moved:
			t.blame(t.p.id, 1)
			return errors.New("the peer does not give the blocks whose headers it gave")
		}
	}
}

// takeAll adds fetched blocks to the chain as long as they are those that were asked for: the peer
// may have left that branch.
func (t *turn) takeAll(ids []consensus.Hash, list []*consensus.Block) (moved bool, err error) {
	for i, b := range list {
		if i >= len(ids) || b.ID() != ids[i] {
			return moved, nil
		}
		_, err := t.chain.AddBlock(b, t.cfg.Now())
		if errors.Is(err, chain.ErrUnknownParent) {
			// It was here when this block was asked for: the own chain has overtaken the branch
			// meanwhile, and made room.
			return moved, chain.ErrNotWanted
		}
		if err != nil && !errors.Is(err, chain.ErrKnown) {
			return moved, t.fault(b.Header.Height, err)
		}
		moved = true
		if err == nil {
			t.stats.add("sync.block")
			t.roster.gave(t.p.id)
			t.added++
		}
	}
	return moved, nil
}

// fault looks at whose fault an error about a block of the peer is, and returns it. height is 0 if
// it is not of one block.
func (t *turn) fault(height uint64, err error) error {
	var broken *consensus.RuleError
	switch {
	case errors.As(err, &broken), errors.Is(err, chain.ErrUnknownParent):
		t.stats.add("block.invalid")
		t.blame(t.p.id, banAfter/2)
	case errors.Is(err, consensus.ErrFuture), errors.Is(err, chain.ErrNotWanted), errors.Is(err, chain.ErrBranchTooLong):
	default:
		t.notStored(height, err)
	}
	if height == 0 {
		return err
	}
	return fmt.Errorf("block %d of the peer: %w", height, err)
}
