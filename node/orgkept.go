package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/api"
)

// settledAfter is how many blocks have to stand on one with an event of ours before it is forgotten: a
// reorganisation might drop it.
const settledAfter = 20

// keepAndGive keeps an event before others have it: what nobody here remembers is not brought again.
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
		id := e.ID()
		return tx.Space(orgSpace).Put(append([]byte(eventPrefix), id[:]...), e.Encode())
	})
}

func (n *Node) forget(ctx context.Context, e *consensus.OrgEvent) error {
	return n.store.Update(ctx, func(tx *mailstore.Tx) error {
		id := e.ID()
		return tx.Space(orgSpace).Delete(append([]byte(eventPrefix), id[:]...))
	})
}

// takeBack forgets a kept event that was refused, and returns why it was. Where it cannot be forgotten it may be
// brought later, so that is no refusal: whoever made the event has to keep its keys.
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

// bringProposed brings the events of ours that are in no block again, and forgets those that are in one
// for certain or that no block will hold any more. A view that is old forgets nothing: what it lacks may say
// otherwise.
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
			if height, in := blockOf(s, e); in {
				list[i] = nil
				if settles && s.Height() >= height+settledAfter {
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
	for _, e := range list {
		if e == nil || !settles || !overtaken(s, e) {
			continue
		}
		n.log.Warn("an event of our organisation will be in no block: another one came before it", "type", e.Type(), "event", e.ID())
		if err := n.forget(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// blockOf finds the block with an event that changed its organisation's entry.
func blockOf(s *consensus.State, e *consensus.OrgEvent) (height uint64, in bool) {
	id := e.ID()
	if org, ok := s.Org(e.Org()); ok && org.LastEvent == id {
		return org.Changed, true
	}
	for _, p := range slices.Backward(s.Past()) {
		if p.Org.LastEvent == id {
			return p.Org.Changed, true
		}
	}
	return 0, false
}

// overtaken reports whether an event can follow no more, since another one did for so long that it stays.
func overtaken(s *consensus.State, e *consensus.OrgEvent) bool {
	is := precedes(e)
	if is == nil {
		return false
	}
	until, _ := lastWas(s, e.Org(), is)
	return until != 0 && s.Height() >= until+settledAfter
}

// knowsBefore reports whether s has what an event follows. Else it says nothing about the event: what that
// follows may wait for a block, or be in one that is not here yet.
func knowsBefore(s *consensus.State, e *consensus.OrgEvent) bool {
	is := precedes(e)
	if is == nil {
		return true
	}
	_, known := lastWas(s, e.Org(), is)
	return known
}

// precedes tells the entries of its organisation that an event may follow, as far as they stand for good once
// there: those with the event before it, of a revocation those with its recovery key. It is nil of an event that
// may follow any.
func precedes(e *consensus.OrgEvent) func(*consensus.Org) bool {
	switch {
	case !e.Prev.IsZero():
		return func(o *consensus.Org) bool { return o.LastEvent == e.Prev }
	case e.Type() == consensus.EventRevoke:
		recovery := consensus.RecoveryCommitment(e.Signer)
		return func(o *consensus.Org) bool { return o.Recovery == recovery }
	}
	return nil
}

// lastWas tells the height of the block after the event of which an organisation's entry was no more what is
// says; 0 if it is so still. known: it was so once, as far as s goes.
func lastWas(s *consensus.State, org consensus.Hash, is func(*consensus.Org) bool) (until uint64, known bool) {
	for _, o := range slices.Backward(entriesOf(s, org)) {
		if is(o) {
			return until, true
		}
		until = o.Changed
	}
	return 0, false
}
