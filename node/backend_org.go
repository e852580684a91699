package node

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"cairn/consensus"
	"cairn/consensus/fingerprint"
	"cairn/node/api"
)

// Orgs lists organisations on the chain.
func (n *Node) Orgs(_ context.Context, which string) (*api.OrgList, error) {
	s := n.chain.State()
	list := &api.OrgList{Orgs: []api.Org{}}
	if which == "" {
		list.Orgs = append(list.Orgs, n.ownOrg(s))
		return list, nil
	}
	for _, org := range s.Orgs() {
		if which == "all" || n.selects(which, org) {
			list.Orgs = append(list.Orgs, n.viewOrg(s, org))
		}
	}
	slices.SortFunc(list.Orgs, func(a, b api.Org) int { // our own first
		switch {
		case a.Own && !b.Own:
			return -1
		case b.Own && !a.Own:
			return 1
		}
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	if which != "all" && len(list.Orgs) == 0 {
		return nil, api.Errorf(api.CodeNotFound, "cairn org show all", "no organisation on the chain has the id, key or domain %q", which)
	}
	return list, nil
}

func (n *Node) selects(which string, org *consensus.Org) bool {
	if org.ID.String() == strings.ToLower(which) || org.Key.String() == strings.ToLower(which) {
		return true
	}
	domain, err := CanonicalDomain(which)
	if err != nil {
		return false
	}
	return slices.Contains(org.Domains, domain)
}

// ownOrg is our organisation, from the enrol event while no block has it.
func (n *Node) ownOrg(s *consensus.State) api.Org {
	if org, ok := s.OrgByKey(n.own().OrgKey); ok {
		return n.viewOrg(s, org)
	}
	e := n.own()
	org := &consensus.Org{
		Name: e.Name, Domains: e.Domains, Key: e.OrgKey, Records: e.Records, ThresholdFloor: e.ThresholdFloor,
	}
	for _, keys := range e.Nodes {
		org.Nodes = append(org.Nodes, consensus.OrgNode{NodeKeys: keys})
	}
	v := n.viewOrg(s, org)
	v.ID = ""
	return v
}

func (n *Node) viewOrg(s *consensus.State, org *consensus.Org) api.Org {
	v := api.Org{
		ID: org.ID.String(), Name: org.Name, Domains: org.Domains, Key: org.Key.String(), Fingerprint: fingerprint.Of(org.Key),
		Records: org.Records.String(), ThresholdFloor: int(org.ThresholdFloor), Height: org.Height,
		Own: org.ID == n.ownID() || org.Key == n.own().OrgKey, Trusted: []api.Pin{},
	}
	for _, node := range org.Nodes {
		v.Nodes = append(v.Nodes, api.OrgNode{Node: node.Node.String(), Recorder: node.Recorder.String()})
	}
	for _, p := range n.trust.Pins() {
		if o, ok := s.OrgByKey(p.Key); p.Key == org.Key || ok && o.ID == org.ID {
			v.Trusted = append(v.Trusted, viewPin(s, p))
		}
	}
	return v
}

// Invite makes the string with which others join.
func (n *Node) Invite(context.Context) (*api.Invite, error) {
	addrs := n.host.Addrs()
	if len(addrs) == 0 {
		return nil, api.Errorf(api.CodeInvalid, "set p2p.listen in "+ConfigFile, "this node listens on no address that others could dial")
	}
	text, err := EncodeInvite(&Invite{
		Genesis: n.genesis, Addresses: addrs[:min(len(addrs), maxAddresses)],
		OrgKey: n.orgKeyNow(), Domains: n.own().Domains,
	})
	if err != nil {
		return nil, err
	}
	return &api.Invite{Invite: text, Network: n.genesis.Params.Name, ChainID: n.chain.State().ChainID().String(), Addresses: addrs}, nil
}
