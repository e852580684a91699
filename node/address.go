package node

import (
	"fmt"
	"strings"

	"github.com/multiformats/go-multiaddr"

	"cairn/consensus"
	"cairn/mailstore"
)

// CanonicalDomain gives a mail domain that an organisation can enrol, in
// lower-case A-labels (RFC 5890).
func CanonicalDomain(s string) (string, error) {
	a, err := mailstore.CanonicalDomain(s)
	if err != nil || !consensus.ValidDomain(a) || !strings.Contains(a, ".") && a != "localhost" {
		return "", fmt.Errorf("%q is not a mail domain", s)
	}
	return a, nil
}

// CheckPeerAddress checks that s is a multiaddr that ends in a peer ID.
func CheckPeerAddress(s string) error {
	a, err := multiaddr.NewMultiaddr(s)
	if err != nil {
		return fmt.Errorf("%q is not a multiaddr: %w", s, err)
	}
	if _, last := multiaddr.SplitLast(a); last == nil || last.Protocol().Code != multiaddr.P_P2P {
		return fmt.Errorf("%q does not end in /p2p/<peer id>", s)
	}
	return nil
}
