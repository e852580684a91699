package node

import (
	"context"
	"fmt"
	"slices"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/node/membership"
)

// OrgNodes lists the nodes of our organisation.
func (n *Node) OrgNodes(context.Context) (*api.OrgNodeList, error) {
	st, err := n.standing()
	if err != nil {
		return nil, err
	}
	list, org := new(api.OrgNodeList), st.Org()
	for _, o := range org.Nodes {
		if membership.ReplacedBy(org, &o) != nil {
			continue // the same node
		}
		v := api.OrgNodeState{
			Node: o.Node.String(), Recorder: o.Recorder.String(), Since: o.Since, End: membership.EndWord(o.End), Until: o.Until,
			At: n.blockTime(max(o.Since, o.Until)), Here: o.Node == n.id.NodeKey(), Formers: membership.FormersOf(org, &o),
		}
		list.Nodes = append(list.Nodes, v)
	}
	for _, e := range st.Waiting() {
		if a, ok := e.Content.(*consensus.AddNode); ok {
			list.Nodes = append(list.Nodes, api.OrgNodeState{Node: a.Node.String(), Recorder: a.Recorder.String(), Waiting: true})
		}
		if r, ok := e.Content.(*consensus.Replace); ok {
			for i := range list.Nodes {
				if v := &list.Nodes[i]; v.Node == e.Signer.String() && v.End == "" {
					v.Next = r.Recorder.String()
				}
			}
		}
	}
	slices.SortStableFunc(list.Nodes, func(a, b api.OrgNodeState) int { return min(len(a.End), 1) - min(len(b.End), 1) })
	return list, nil
}

// AdmitNode brings an event that takes a node in, and makes what that needs; of a node that was
// taken in with the same keys the second alone, for whoever has lost it.
func (n *Node) AdmitNode(ctx context.Context, r api.EventRequest) (*api.NodeAdded, error) {
	addrs, err := n.dialable()
	if err != nil {
		return nil, err
	}
	e, err := consensus.DecodeEvent(r.Event)
	add, takesIn := (*consensus.AddNode)(nil), false
	if err == nil {
		add, takesIn = e.Content.(*consensus.AddNode)
	}
	if !takesIn {
		return nil, api.Errorf(api.CodeInvalid, "use the cairn command of the same version as the node", "taking a node in: the event does not do that")
	}
	admission, err := membership.EncodeAdmission(&membership.Admission{Node: add.Node, Genesis: n.genesis, Enrol: n.enrol, Addresses: addrs[:min(len(addrs), membership.MaxAddresses)]})
	if err != nil {
		return nil, err
	}
	v, err := n.ProposeEvent(ctx, r)
	if err != nil {
		return nil, err
	}
	return &api.NodeAdded{OrgEvent: *v, Admission: admission}, nil
}

// brought is what became of an event like e that was brought before: one that takes in a node which
// is one of ours, or waits to be, one that ends a node which waits for its end, or one that gives a
// node a recorder key which it has, or which waits. It is nil of any other.
func (n *Node) brought(s *consensus.State, e *consensus.OrgEvent) *api.OrgEvent {
	add, drop, replace := membership.ContentOf[*consensus.AddNode](e), membership.ContentOf[*consensus.DropNode](e), membership.ContentOf[*consensus.Replace](e)
	for _, w := range n.waitingEvents(s) {
		a, d := membership.ContentOf[*consensus.AddNode](w), membership.ContentOf[*consensus.DropNode](w)
		if add != nil && a != nil && a.Node == add.Node && a.Recorder == add.Recorder || drop != nil && d != nil && *d == *drop {
			return n.viewEvent(s, w)
		}
		if r := membership.ContentOf[*consensus.Replace](w); replace != nil && r != nil && w.Signer == e.Signer && r.Recorder == replace.Recorder {
			return n.viewEvent(s, w)
		}
	}
	if replace != nil {
		if at, known := s.NodeByRecorder(replace.Recorder); known && at.Node == e.Signer && at.End == consensus.NodeActive {
			v := n.viewEvent(s, e)
			v.ID, v.WaitsFor = "", fmt.Sprintf("nothing: the node has that key since block %d", at.Since)
			return v
		}
		return nil
	}
	if add == nil {
		return nil
	}
	org, member := s.ActiveNode(add.Node)
	at, known := s.NodeByRecorder(add.Recorder)
	if !member || !known || org.ID != n.ownID() || at.Node != add.Node {
		return nil
	}
	v := n.viewEvent(s, e)
	v.ID, v.WaitsFor = "", "nothing: the node is one of ours already" // e is brought to nobody
	return v
}
