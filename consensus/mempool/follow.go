package mempool

import (
	"context"
	"errors"

	"cairn/consensus"
	"cairn/consensus/chain"
)

// Chain is what Follow needs of the chain; *chain.Manager has it.
type Chain interface {
	Tip() chain.Index
	State() *consensus.State
	UpdatesSince(since chain.Index, most int) (reverted, applied []chain.Update, err error)
	Subscribe() (wake <-chan struct{}, cancel func())
}

// followStep is how many blocks Follow handles at once.
const followStep = 64

// Follow keeps the pool in line with the chain until ctx is done, and returns
// nil then; another error is of the chain's store. The pool is in memory, so it
// starts at the tip.
func (p *Pool) Follow(ctx context.Context, c Chain) error {
	wake, cancel := c.Subscribe()
	defer cancel()
	at := c.Tip()
	p.Advance(c.State(), nil, nil)
	for {
		reverted, applied, err := c.UpdatesSince(at, followStep)
		switch {
		case errors.Is(err, chain.ErrUnknownIndex):
			at = c.Tip()
			p.Advance(c.State(), nil, nil)
		case err != nil:
			return err
		case len(reverted)+len(applied) > 0 && len(reverted)+len(applied) < followStep && after(reverted, applied) != c.Tip():
			// The log has run ahead of the state, or the state of what was
			// read; by a state that still has what was reverted, that would
			// not come back. A wake-up follows each change of the state.
		case len(reverted)+len(applied) > 0:
			p.Advance(c.State(), blocks(reverted), blocks(applied))
			at = after(reverted, applied)
			continue
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil
		}
	}
}

func blocks(updates []chain.Update) []*consensus.Block {
	list := make([]*consensus.Block, len(updates))
	for i, u := range updates {
		list[i] = u.Block
	}
	return list
}

// after returns the cursor behind updates, of which there is one at least.
func after(reverted, applied []chain.Update) chain.Index {
	if n := len(applied); n > 0 {
		return applied[n-1].Index
	}
	return reverted[len(reverted)-1].Parent
}
