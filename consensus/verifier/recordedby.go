package verifier

import "cairn/consensus"

// recordingOrg returns the organisation whose recorder key signed f's record, f being located: as
// it was after the block that holds the record, whatever it changed, dropped or revoked since. Of a
// record in no block, as it is now, and only if the key counts still: who has stolen one that does
// not can make any number of such records. A key that the chain lost counts while its node may
// bring it again.
func (f *Finding) recordingOrg(s *consensus.State) (*consensus.Org, bool) {
	org, known := s.OrgByRecorder(f.Recorder)
	switch {
	case !known:
		return f.bringsAgain(s)
	case f.Block.IsZero():
		return sealer(s, f.Recorder)
	}
	if then, ok := s.OrgAt(org.ID, f.Block.Height); ok {
		return then, true
	}
	return org, true // s is of another branch than the block, which is about to be reverted
}

// bringsAgain returns the organisation with the node that had f's recorder key when f was judged,
// of a key that the chain does not know any more, as it went another way: that node brings the key
// again, and what it has recorded, or was dropped there, and the record, which was sound, is waited
// for like any other. What comes only now has no such node. Nor has a key that no node had, so
// nothing is made of keys that were never enrolled; and a node that was revoked or suspended may
// have been another's.
func (f *Finding) bringsAgain(s *consensus.State) (*consensus.Org, bool) {
	if f.Node.IsZero() {
		return nil, false
	}
	node, known := s.NodeByKey(f.Node)
	if !known || node.End != consensus.NodeActive && node.End != consensus.NodeDropped {
		return nil, false
	}
	return s.OrgByNode(f.Node)
}

// judgedBy reports whether f says what this entry of an organisation says.
func (f *Finding) judgedBy(org *consensus.Org) bool {
	return f.Org == org.ID && f.OrgEvent == org.LastEvent
}

// recordedByNobody is recordedBy of a key that nobody has enrolled, or that counts no longer.
func (f *Finding) recordedByNobody(s *consensus.State, cfg Config) {
	f.recordedBy(nil, word{}, cfg)
	if _, had := s.OrgByRecorder(f.Recorder); had {
		f.Facts.TokenFault = "the key that signed the token counts no longer: it was replaced, dropped, revoked or suspended " +
			"before the record was in a block"
	}
}

// sealer returns the organisation with a recorder key that counts now.
func sealer(s *consensus.State, recorder consensus.Key) (*consensus.Org, bool) {
	org, ok := s.OrgByRecorder(recorder)
	return org, ok && s.Seals(recorder)
}

// courierOf returns the organisation with a node that counts now.
func courierOf(s *consensus.State, node consensus.Key) (*consensus.Org, bool) {
	org, ok := s.OrgByNode(node)
	if !ok {
		return nil, false
	}
	for i := range org.Nodes {
		if n := &org.Nodes[i]; n.Node == node && n.SealsAt(s.Height()+1) {
			return org, true
		}
	}
	return nil, false
}

// keySet tells whether an org key is one organisation's.
type keySet func(consensus.Key) bool

// keysOf are the keys that org has, or had before it rotated or revoked them, as the chain with the
// state s says. Trust in any of them, by a pin or in the DNS, is trust in the organisation. Nothing
// else compares org keys.
func keysOf(s *consensus.State, org *consensus.Org) keySet {
	return func(key consensus.Key) bool {
		if key == org.Key {
			return true
		}
		owner, ok := s.OrgByKey(key)
		return ok && owner.ID == org.ID
	}
}
