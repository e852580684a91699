package membership

import (
	"cmp"
	"slices"

	"cairn/consensus"
	"cairn/node/api"
)

// An entry has a node that took another recorder key twice: as it is, and as one that ended.

// activeOf is the node of an entry with that node key that has not ended; nil if there is none.
func activeOf(o *consensus.Org, node consensus.Key) *consensus.OrgNode {
	i := slices.IndexFunc(o.Nodes, func(n consensus.OrgNode) bool { return n.Node == node && n.End == consensus.NodeActive })
	if i < 0 {
		return nil
	}
	return &o.Nodes[i]
}

// ReplacedBy is what of an entry stands for the node that n was until it took another recorder key;
// nil if it took none.
func ReplacedBy(o *consensus.Org, n *consensus.OrgNode) *consensus.OrgNode {
	_, by := o.After(n)
	return by
}

// FormersOf are the recorder keys that a node of an entry had before, as far as it has them still;
// the latest first.
func FormersOf(o *consensus.Org, n *consensus.OrgNode) (list []api.FormerRecorder) {
	for i := range o.Nodes {
		if by := ReplacedBy(o, &o.Nodes[i]); by != nil && by.Recorder == n.Recorder {
			list = append(list, api.FormerRecorder{Recorder: o.Nodes[i].Recorder.String(), Until: o.ReplacedIn(&o.Nodes[i])})
		}
	}
	slices.SortFunc(list, func(a, b api.FormerRecorder) int { return cmp.Compare(b.Until, a.Until) })
	return list
}
