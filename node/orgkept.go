package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/membership"
)

// keepAndGive keeps an event before others have it: what nobody here remembers is not brought
// again.
func (n *Node) keepAndGive(ctx context.Context, s *consensus.State, e *consensus.OrgEvent, lacking bool) error {
	n.keeping.Lock() // what is refused here is not brought in between
	defer n.keeping.Unlock()
	if err := n.keep(ctx, e); err != nil {
		return fmt.Errorf("keeping the event until it is in a block: %w", err)
	}
	if err := n.give(s, e, lacking); err != nil {
		return n.takeBack(ctx, e, err)
	}
	return nil
}

func (n *Node) keep(ctx context.Context, e *consensus.OrgEvent) error {
	return n.store.Update(ctx, func(tx *mailstore.Tx) error {
		return tx.Space(orgSpace).Put(eventKey(e), e.Encode())
	})
}

func (n *Node) forget(ctx context.Context, e *consensus.OrgEvent) error {
	return n.store.Update(ctx, func(tx *mailstore.Tx) error {
		return tx.Space(orgSpace).Delete(eventKey(e))
	})
}

// takeBack forgets a kept event that was refused, and returns why it was. Where it cannot be
// forgotten it may be brought later, so that is no refusal: whoever made the event has to keep its
// keys.
func (n *Node) takeBack(ctx context.Context, e *consensus.OrgEvent, refused error) error {
	if err := n.forget(context.WithoutCancel(ctx), e); err != nil {
		return api.Errorf(api.CodeInternal, "cairn org changes",
			"%v; it is not known whether that stays so, forgetting the event failed: %v", refused, err)
	}
	return refused
}

// proposed reads the events of ours that are kept.
func (n *Node) proposed() ([]*consensus.OrgEvent, error) {
	var list []*consensus.OrgEvent
	var bad error
	err := n.store.View(func(rd *mailstore.Reader) error {
		return rd.Space(orgSpace).Scan([]byte(eventPrefix), nil, func(_, value []byte) bool {
			e, err := consensus.DecodeEvent(slices.Clone(value))
			if err != nil {
				bad = err
				return false
			}
			list = append(list, e)
			return true
		})
	})
	return list, errors.Join(err, bad)
}

// bringProposed brings the events of ours that are in no block again, and forgets those that are in
// one for certain or that no block will hold any more. A view that is old forgets nothing: what it
// lacks may say otherwise.
func (n *Node) bringProposed(ctx context.Context, s *consensus.State) error {
	n.keeping.Lock()
	defer n.keeping.Unlock()
	list, err := n.proposed()
	settles := !n.viewIsOld(s)
	for again := true; err == nil && again; { // in the order in which they follow each other, whatever that is
		again = false
		for i, e := range list {
			if e == nil {
				continue
			}
			if height, in := membership.BlockOf(s, e); in {
				list[i] = nil
				if settles && s.Height() >= height+consensus.DropGrace { // as long as former keys stay
					err = errors.Join(err, n.forget(ctx, e))
				}
				continue
			}
			if lacking, err := n.fits(s, e); err == nil && n.give(s, e, lacking) == nil {
				list[i], again = nil, true
			}
		}
	}
	if err != nil {
		return fmt.Errorf("bringing the organisation's events: %w", err)
	}
	if !settles {
		return nil
	}
	return n.settleOvertaken(ctx, s, list)
}
