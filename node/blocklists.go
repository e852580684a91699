package node

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw"
	"cairn/smtpgw/dnsbl"
)

// maxBlocklists bounds the lists of addresses that are asked about each client.
const maxBlocklists = 8

// blocklists are those of the configuration, those that refuse first.
func (c *InboundConfig) blocklists() (lists []dnsbl.List) {
	for _, z := range c.RefuseListed {
		lists = append(lists, dnsbl.List{Zone: maildomain.Canonical(z), Refuse: true})
	}
	for _, z := range c.SuspectListed {
		lists = append(lists, dnsbl.List{Zone: maildomain.Canonical(z)})
	}
	return lists
}

// checkBlocklists is an error that names what is no zone, with the key that has it.
func (c *InboundConfig) checkBlocklists() (key string, err error) {
	lists := c.blocklists()
	for i, l := range lists {
		if key = "inbound.dnsbl_evidence"; l.Refuse {
			key = "inbound.dnsbl_refuse"
		}
		switch same := func(o dnsbl.List) bool { return o.Zone == l.Zone }; {
		case i >= maxBlocklists:
			return key, fmt.Errorf("%d lists are more than %d", len(lists), maxBlocklists)
		case !maildomain.Valid(l.Zone):
			return key, fmt.Errorf("%q is no zone of the DNS", l.Zone)
		case len(lists) <= maxBlocklists && slices.ContainsFunc(lists[:i], same):
			return key, fmt.Errorf("%s is there twice", l.Zone)
		}
	}
	return "", nil
}

// withBlocklists has the lists asked about clients of the world outside. A proxy is not one: what
// it brings without saying for whom may be of anybody.
func (n *Node) withBlocklists(gw smtpgw.Config) smtpgw.Config {
	lists := n.cfg.Inbound.blocklists()
	if len(lists) == 0 {
		return gw
	}
	proxies, _ := prefixes(n.cfg.Inbound.Proxies) // Validate looked
	asker := dnsbl.New(lists, evidenceDNS{}, n.now)
	gw.Blocklists = func(ctx context.Context, client netip.Addr) []dnsbl.List {
		if !isOutside(client) || slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(client) }) {
			return nil
		}
		return asker.Ask(ctx, client)
	}
	return gw
}
