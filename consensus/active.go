package consensus

import "slices"

// ActiveNode returns the organisation of a node that has not ended, by its node identity.
func (s *State) ActiveNode(node Key) (*Org, bool) {
	o, ok := s.OrgByNode(node)
	return o, ok && o.node(node) >= 0
}

// NodeByRecorder returns the node that has, or had, that recorder key as the chain last had it, also when
// it ended so long ago that its organisation's entry has it no more.
func (s *State) NodeByRecorder(recorder Key) (OrgNode, bool) {
	o, ok := s.OrgByRecorder(recorder)
	if !ok {
		return OrgNode{}, false
	}
	if i := o.recorder(recorder); i >= 0 {
		return o.Nodes[i], true
	}
	for _, p := range slices.Backward(s.members.past) {
		if p.Org.ID != o.ID {
			continue
		}
		if i := p.Org.recorder(recorder); i >= 0 {
			return p.Org.Nodes[i], true
		}
	}
	return OrgNode{}, false
}
