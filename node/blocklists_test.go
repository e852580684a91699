package node

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"cairn/smtpgw"
	"cairn/smtpgw/authres/lookup/lookuptest"
	"cairn/smtpgw/dnsbl"
)

// TestBlocklists: the lists of the configuration are asked about the world outside, and about no
// proxy of our own.
func TestBlocklists(t *testing.T) {
	allowed := exchange.allowed
	withDNS(t, &lookuptest.Zone{Addrs: map[string][]string{
		"7.113.0.203.bl.org": {"127.0.0.2"}, "7.113.0.203.evidence.org": {"127.0.0.3"},
		"8.113.0.203.bl.org": {"127.0.0.2"}, "9.0.0.10.bl.org": {"127.0.0.2"}, "9.0.0.127.bl.org": {"127.0.0.2"},
	}})
	exchange.allowed = func(a netip.Addr) bool {
		return allowed(a) || a.String() == "203.0.113.7" || a.String() == "203.0.113.8"
	}
	cfg := DefaultConfig("Alpha", []string{"alpha.test"})
	n := &Node{cfg: cfg, now: time.Now}
	if n.withBlocklists(smtpgw.Config{}).Blocklists != nil {
		t.Error("lists are asked that nobody has named")
	}
	cfg.Inbound.RefuseListed, cfg.Inbound.SuspectListed, cfg.Inbound.Proxies = []string{"BL.org."}, []string{"evidence.org"}, []string{"203.0.113.8"}
	ask := n.withBlocklists(smtpgw.Config{}).Blocklists
	for client, want := range map[string][]dnsbl.List{
		"203.0.113.7": {{Zone: "bl.org", Refuse: true}, {Zone: "evidence.org"}},
		"203.0.113.8": nil, // the proxy
		"10.0.0.9":    nil,
		"127.0.0.9":   nil,
	} {
		if got := ask(t.Context(), netip.MustParseAddr(client)); !slices.Equal(got, want) {
			t.Errorf("%s is on %v, want %v", client, got, want)
		}
	}
}
