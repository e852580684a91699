package node

import (
	"context"
	"fmt"

	"cairn/consensus"
	"cairn/mailstore"
)

// loadOwnSeen reads what was seen before the start.
func (n *Node) loadOwnSeen() error {
	return n.store.View(func(r *mailstore.Reader) error {
		height, _, err := r.Space(orgSpace).Number([]byte(ownChangedKey))
		if err != nil {
			return fmt.Errorf("look up what was seen of the organisation: %w", err)
		}
		n.ownSeen.Store(height)
		return nil
	})
}

// noteOwn keeps how far our organisation has changed.
func (n *Node) noteOwn(ctx context.Context, s *consensus.State) error {
	org, member := s.Org(n.ownID())
	if !member || org.Changed <= n.ownSeen.Load() {
		return nil
	}
	err := n.store.Update(ctx, func(tx *mailstore.Tx) error {
		return tx.Space(orgSpace).PutNumber([]byte(ownChangedKey), org.Changed)
	})
	if err == nil {
		n.ownSeen.Store(org.Changed)
	}
	return err
}

// unsureOwn says why the domains and nodes of our organisation may be others than the chain says
// here; empty: they are these. While they may be, nobody is told for good that an address is not
// the organisation's.
func (n *Node) unsureOwn() string {
	if n.genesis.Params.Version < consensus.ParamsV2 {
		return "" // they never change
	}
	s := n.chain.State()
	_, member := s.Org(n.ownID())
	_, sends := s.SendingNode(n.id.NodeKey())
	switch {
	case s.Height() < n.ownSeen.Load(), n.lacks(s) != "", !n.tipIsYoung(s) && n.host.Members().Ahead > 0:
		return "the chain is not here yet"
	case !member && !n.enrolledItself():
		return "this node's organisation is in no block here yet"
	case member && !sends:
		return "this node is one of its organisation's no more"
	}
	return ""
}
