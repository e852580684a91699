package node

import (
	"net"
	"net/netip"

	"cairn/smtpgw/mtasts"
)

// World is what lies outside of the network, as the nodes of this process see it.
type World struct {
	DNS  *net.Resolver // that is asked for everything
	Port string        // at which mail servers listen
}

// InWorld has nodes that are opened from now on live in another world than the machine's: one that
// is on the machine, for measurements of what a node does with mail for others. All addresses are
// servers of others there. Leave comes after the last of these nodes was closed.
func InWorld(w World) (leave func()) {
	was, wasResolver, wasReverse := exchange, resolver, reverse
	exchange.Resolver, exchange.port = w.DNS, w.Port
	exchange.allowed = func(netip.Addr) bool { return true }
	exchange.policies = mtasts.NewFinder(lookupTXT, mtasts.Client(exchange.allowed))
	resolver, reverse = w.DNS, w.DNS
	return func() { exchange, resolver, reverse = was, wasResolver, wasReverse }
}
