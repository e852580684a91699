package node

import (
	"context"
	"time"

	"cairn/consensus"
	"cairn/consensus/fingerprint"
	"cairn/node/api"
	"cairn/node/membership"
)

// heightTime is when the block of a height was made, or about when it will be.
func (n *Node) heightTime(s *consensus.State, height uint64) time.Time {
	if height <= s.Height() {
		return n.blockTime(height)
	}
	return unixMilli(s.Time()).Add(time.Duration(height-s.Height()) * s.Params().BlockInterval)
}

// viewPending is the org key that is announced and does not count in the next block yet; nil if
// there is none.
func (n *Node) viewPending(s *consensus.State, org *consensus.Org) *api.PendingRotation {
	p := org.Pending
	if p.At <= s.Height()+1 {
		return nil
	}
	return &api.PendingRotation{Key: p.Key.String(), Fingerprint: fingerprint.Of(p.Key), At: p.At, About: n.heightTime(s, p.At)}
}

// OrgChanges tells how an organisation's entry has changed.
func (n *Node) OrgChanges(_ context.Context, which string) (*api.OrgChanges, error) {
	s := n.chain.State()
	org, err := n.oneOrg(s, which)
	if err != nil {
		return nil, err
	}
	key := keyOf(s, org)
	v := &api.OrgChanges{ID: org.ID.String(), Name: org.Name, Key: key.String(), Fingerprint: fingerprint.Of(key), Changes: membership.ChangesOf(s, org.ID)}
	v.Pending = n.viewPending(s, org)
	for i := range v.Changes {
		c := &v.Changes[i]
		c.Time = n.heightTime(s, c.Height)
		if c.Counts != 0 {
			c.About = n.heightTime(s, c.Counts)
		}
	}
	return v, nil
}
