package membership

import (
	"fmt"
	"strings"

	"github.com/multiformats/go-multiaddr"

	"cairn/consensus"
	"cairn/mailstore"
)

// CanonicalDomain gives a mail domain that an organisation can enrol, in
// lower-case A-labels (RFC 5890). The error quotes s.
func CanonicalDomain(s string) (string, error) {
	a, err := mailstore.CanonicalDomain(s)
	if err != nil || !consensus.ValidDomain(a) || !strings.Contains(a, ".") && a != "localhost" {
		return "", fmt.Errorf("%q is not a mail domain", s)
	}
	return a, nil
}

// CheckPeerAddress checks that s is a multiaddr that ends in a peer ID, as in
// /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW...; the error says what it lacks.
func CheckPeerAddress(s string) error {
	a, err := multiaddr.NewMultiaddr(s)
	if err != nil {
		return fmt.Errorf("%q is not a multiaddr, as in /ip4/192.0.2.7/tcp/4801/p2p/<peer id>", s)
	}
	if _, last := multiaddr.SplitLast(a); last == nil || last.Protocol().Code != multiaddr.P_P2P {
		return fmt.Errorf("%q does not end in /p2p/<peer id>", s)
	}
	return nil
}
