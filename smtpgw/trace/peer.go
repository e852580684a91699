package trace

import (
	"net/netip"

	"cairn/consensus"
)

// ProtocolLocal is the Protocol of mail that this node brings itself: from its
// own queue, or from a program that hands it over without SMTP.
const ProtocolLocal = "LOCAL"

// Peer is who brought a message.
type Peer struct {
	Addr     string         // network address, or libp2p peer ID of a stream
	Node     *consensus.Key // libp2p node key when the connection is a stream from one
	Stranger bool           // that node is not enrolled: anybody makes a key
	From     netip.Addr     // where the stream of a stranger comes from; not valid: not known
	Helo     string         // what the peer called itself
	Listed   []string       // lists of addresses in the DNS that it is on, by their zones
	Protocol string         // for Received, RFC 3848: SMTP, ESMTP, UTF8SMTP; ProtocolLocal
}
