package node

import (
	"time"

	"cairn/consensus"
)

// staleTip is how many block intervals without a block make our view of the
// membership too old to say that nobody serves a domain.
const staleTip = 20

// tipIsYoung reports whether there are blocks, by anybody.
func (n *Node) tipIsYoung(s *consensus.State) bool {
	return n.now().Sub(time.UnixMilli(int64(s.Time()))) <= staleTip*s.Params().BlockInterval
}

// viewIsOld reports whether organisations may have enrolled that we cannot
// know of yet.
func (n *Node) viewIsOld(s *consensus.State) bool {
	return n.lacks(s) != "" || n.host.Members().Ahead > 0 || !n.tipIsYoung(s)
}

// knowsOwnRecords reports whether the chain as seen here holds what this node
// signed before: there is no other organisation, or others that are connected
// have no more of it. Where blocks are young, a member that only claims to have
// more holds nothing up. A node that finds nobody goes by its own blocks after a
// while, so that what its own accounts send each other is recorded again.
func (n *Node) knowsOwnRecords(s *consensus.State) bool {
	m := n.host.Members()
	switch {
	case n.lacks(s) != "" || m.Ahead > 0 || m.Claiming > 0 && !n.tipIsYoung(s):
		return false
	case m.Connected > 0 || s.OrgCount() == 1:
		return true
	}
	return n.tipIsYoung(s) && time.Since(n.started) > staleTip*s.Params().BlockInterval
}
