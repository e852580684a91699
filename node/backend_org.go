package node

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"cairn/consensus"
	"cairn/consensus/fingerprint"
	"cairn/consensus/verifier"
	"cairn/node/api"
	"cairn/node/membership"
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
		if which == "all" || selects(s, which, org) {
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
		return nil, noSuchOrg(which)
	}
	return list, nil
}

func noSuchOrg(which string) error {
	return api.Errorf(api.CodeNotFound, "cairn org show all", "no organisation on the chain has the id, key or domain %q", which)
}

// selects reports whether which is an organisation's ID, a key that it has or had as of s, or a
// domain that it claims.
func selects(s *consensus.State, which string, org *consensus.Org) bool {
	if org.ID.String() == strings.ToLower(which) {
		return true
	}
	if key, err := consensus.ParseKey(strings.ToLower(which)); err == nil && hasKey(s, org, key) {
		return true
	}
	domain, err := membership.CanonicalDomain(which)
	if err != nil {
		return false
	}
	return slices.Contains(org.Domains, domain)
}

// oneOrg finds an organisation by its ID, a key that it has or had, or a domain that it alone
// claims.
func (n *Node) oneOrg(s *consensus.State, which string) (*consensus.Org, error) {
	if which == "" {
		if org, ok := s.Org(n.ownID()); ok {
			return org, nil
		}
		return nil, api.Errorf(api.CodeTryLater, "cairn status", "looking up our own organisation: it is no member of the network yet, as seen here")
	}
	if key, err := consensus.ParseKey(strings.ToLower(which)); err == nil {
		if org, ok := s.OrgByKey(key); ok {
			return org, nil
		}
	}
	var found []*consensus.Org
	for _, org := range s.Orgs() {
		if selects(s, which, org) {
			found = append(found, org)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, noSuchOrg(which)
	}
	return nil, api.Errorf(api.CodeInvalid, "cairn org show "+which, "%d members claim %s: name one by its id or key", len(found), which)
}

// ownOrg is our organisation, from the enrol event while no block has it.
func (n *Node) ownOrg(s *consensus.State) api.Org {
	v := n.viewOrg(s, n.ownAt(s))
	if _, member := s.Org(n.ownID()); !member {
		v.ID = ""
	}
	return v
}

func (n *Node) viewOrg(s *consensus.State, org *consensus.Org) api.Org {
	key := keyOf(s, org)
	v := api.Org{
		ID: org.ID.String(), Name: org.Name, Domains: org.Domains, Key: key.String(), Fingerprint: fingerprint.Of(key),
		Records: org.Records.String(), ThresholdFloor: int(org.ThresholdFloor), Height: org.Height,
		Own: org.ID == n.ownID(), Trusted: []api.Pin{},
		Pending: n.viewPending(s, org),
	}
	if v.Own {
		for _, d := range org.Domains {
			v.DNS = append(v.DNS, api.DNSRecord{Name: verifier.TXTName(d) + ".", TXT: verifier.FormatTXT(key)})
		}
	}
	for _, node := range org.Nodes {
		if membership.ReplacedBy(org, &node) != nil {
			continue // the same node
		}
		v.Nodes = append(v.Nodes, api.OrgNode{
			Node: node.Node.String(), Recorder: node.Recorder.String(), End: membership.EndWord(node.End), Until: node.Until, Formers: membership.FormersOf(org, &node),
		})
	}
	for _, p := range n.trust.Pins() {
		if hasKey(s, org, p.Key) {
			v.Trusted = append(v.Trusted, viewPin(s, p))
		}
	}
	return v
}

// Invite makes the string with which others join.
func (n *Node) Invite(context.Context) (*api.Invite, error) {
	addrs, err := n.dialable()
	if err != nil {
		return nil, err
	}
	s := n.chain.State()
	own := n.ownAt(s)
	text, err := membership.EncodeInvite(&membership.Invite{
		Genesis: n.genesis, Addresses: addrs[:min(len(addrs), membership.MaxAddresses)],
		OrgKey: keyOf(s, own), Domains: own.Domains,
	})
	if err != nil {
		return nil, err
	}
	return &api.Invite{Invite: text, Network: n.genesis.Params.Name, ChainID: s.ChainID().String(), Addresses: addrs}, nil
}

// dialable are the addresses that others dial this node at.
func (n *Node) dialable() ([]string, error) {
	addrs := n.host.Addrs()
	if len(addrs) == 0 {
		return nil, api.Errorf(api.CodeInvalid, "set p2p.listen in "+ConfigFile, "this node listens on no address that others could dial")
	}
	return addrs, nil
}
