package node

import (
	"path/filepath"
	"slices"

	"cairn/consensus"
	"cairn/node/api"
	"cairn/node/home"
)

// own is what this node is enrolled as. The configuration says it only until
// the node joins.
func (n *Node) own() *consensus.Enrol { return n.enrol.Enrol() }

// checkMembership holds that keys, enrolment and network belong together. Mail
// that is signed with other keys than the enrolled ones can never be recorded.
func (n *Node) checkMembership() error {
	p, own := &n.genesis.Params, n.own()
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
