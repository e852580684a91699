package consensus

import "slices"

// ActiveNode returns the organisation of a node that has not ended, by its node identity.
func (s *State) ActiveNode(node Key) (*Org, bool) {
	o, ok := s.OrgByNode(node)
	return o, ok && o.node(node) >= 0
}

// SendingNode returns the organisation of a node whose recorder key's batches count in the next
// block: it has not ended, or was dropped so short a while ago that it still seals what it had
// accepted.
func (s *State) SendingNode(node Key) (*Org, bool) {
	o, ok := s.OrgByNode(node)
	if !ok {
		return nil, false
	}
	return o, slices.ContainsFunc(o.Nodes, func(n OrgNode) bool { return n.Node == node && n.SealsAt(s.Height()+1) })
}

// NodesBeside returns the node keys of the other nodes of a node's organisation, of those that have
// not ended; none if its own batches count no more.
func (s *State) NodesBeside(node Key) (others []Key) {
	o, ok := s.SendingNode(node)
	if !ok {
		return nil
	}
	for i := range o.Nodes {
		if n := &o.Nodes[i]; n.End == NodeActive && n.Node != node {
			others = append(others, n.Node)
		}
	}
	return others
}

// NodeByKey returns the entry of a node as the chain last had it, by its node identity: that with
// the recorder key it has, or of one that ended the last one that it had, also when that was so
// long ago that its organisation's entry has it no more.
func (s *State) NodeByKey(node Key) (last OrgNode, ok bool) {
	o, known := s.OrgByNode(node)
	if !known {
		return OrgNode{}, false
	}
	look := func(o *Org) { // of a key that it has since the same block, the latest entry is looked at first
		for _, n := range o.Nodes {
			if n.Node == node && (!ok || n.Since > last.Since) {
				last, ok = n, true
			}
		}
	}
	look(o)
	h, _ := s.members.former.Get(o.ID)
	for ; h != nil && (!ok || last.End != NodeActive); h = h.before {
		look(h.Org) // a former key that was suspended may be in the entry longer than the last one
	}
	return last, ok
}

// After returns the next one and the last one of the entries with recorder keys that the node of n
// took after that of n, as far as o has them; nil: it took none.
func (o *Org) After(n *OrgNode) (next, last *OrgNode) {
	for i := range o.Nodes {
		later := &o.Nodes[i]
		if later.Node != n.Node || later.Since <= n.Since {
			continue
		}
		if next == nil || later.Since < next.Since {
			next = later
		}
		if last == nil || later.Since > last.Since {
			last = later
		}
	}
	return next, last
}

// ReplacedIn returns the height of the block in which the node of n took another recorder key,
// whatever ended that of n since; 0: it took none, as far as o knows.
func (o *Org) ReplacedIn(n *OrgNode) uint64 {
	next, _ := o.After(n)
	if next == nil {
		return 0
	}
	return min(n.Until, next.Since) // of two that came after it, the next one may not be there any more
}

// NodeByRecorder returns the node that has, or had, that recorder key as the chain last had it,
// also when it ended so long ago that its organisation's entry has it no more.
func (s *State) NodeByRecorder(recorder Key) (OrgNode, bool) {
	o, ok := s.OrgByRecorder(recorder)
	if !ok {
		return OrgNode{}, false
	}
	if i := o.recorder(recorder); i >= 0 {
		return o.Nodes[i], true
	}
	for h, _ := s.members.former.Get(o.ID); h != nil; h = h.before {
		if i := h.Org.recorder(recorder); i >= 0 {
			return h.Org.Nodes[i], true
		}
	}
	return OrgNode{}, false
}
