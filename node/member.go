package node

import (
	"path/filepath"
	"slices"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/node/home"
)

// own is this node's organisation: as the chain has it, and as it enrols while no
// block has that. The configuration says it only until the node joins.
func (n *Node) own() *consensus.Org { return n.ownAt(n.chain.State()) }

func (n *Node) ownAt(s *consensus.State) *consensus.Org {
	if org, ok := s.Org(n.enrol.ID()); ok {
		return org
	}
	e := n.enrol.Enrol()
	org := &consensus.Org{
		ID: n.enrol.ID(), Name: e.Name, Domains: e.Domains, Key: e.OrgKey, Records: e.Records, ThresholdFloor: e.ThresholdFloor,
	}
	for _, keys := range e.Nodes {
		org.Nodes = append(org.Nodes, consensus.OrgNode{NodeKeys: keys})
	}
	return org
}

// keyOf is the org key that counts in the next block.
func keyOf(s *consensus.State, org *consensus.Org) consensus.Key { return org.KeyAt(s.Height() + 1) }

// hasKey reports whether org has, or had, that org key, so that trust in it is trust in org.
func hasKey(s *consensus.State, org *consensus.Org, key consensus.Key) bool {
	owner, ok := s.OrgByKey(key)
	return ok && owner.ID == org.ID || key == org.Key
}

// checkMembership holds that keys, enrolment and network belong together. Mail
// that is signed with other keys than the enrolled ones can never be recorded.
func (n *Node) checkMembership() error {
	p, own := &n.genesis.Params, n.enrol.Enrol()
	mixed := func(file, of string) error {
		return api.Errorf(api.CodeInvalid, "restore keys, "+enrolFile+" and "+networkFile+" from one backup of this node",
			"starting the node: %s does not belong to %s", filepath.Join(n.dir, file), of)
	}
	if n.enrol.ChainID != p.ChainID() {
		return mixed(enrolFile, "the network of "+networkFile)
	}
	if n.id.Org != nil && own.OrgKey != n.id.OrgKey() {
		return mixed(filepath.Join(keysDir, home.OrgKeyFile), "the organisation of "+enrolFile)
	}
	if !slices.ContainsFunc(own.Nodes, func(k consensus.NodeKeys) bool {
		return k.Recorder == n.id.RecorderKey() && k.Node == n.id.NodeKey()
	}) {
		return mixed(filepath.Join(keysDir, home.RecorderKeyFile)+" or "+home.NodeKeyFile, "the organisation of "+enrolFile)
	}
	if err := consensus.CheckEvent(p, p.ChainID(), n.enrol); err != nil {
		return api.Errorf(api.CodeInvalid, "restore "+enrolFile+" from a backup of this node",
			"starting the node: %s is damaged: %v", filepath.Join(n.dir, enrolFile), err)
	}
	if o := n.cfg.Organisation; o.Name != own.Name || !slices.Equal(slices.Sorted(slices.Values(o.Domains)), own.Domains) {
		n.log.Warn("the organisation is another one in "+ConfigFile+" than as it is enrolled; the enrolment counts", "name", own.Name, "domains", own.Domains)
	}
	return nil
}
