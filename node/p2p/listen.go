package p2p

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// listen opens the listeners. An address that cannot be opened is an error,
// lest a node runs that nobody reaches; but "any IPv6 address" is left out on a
// machine without IPv6 when there are others.
func (h *Host) listen(addrs []ma.Multiaddr) error {
	opened := 0
	var left ma.Multiaddr
	for _, a := range addrs {
		if len(addrs) > 1 && isAnyIPv6(a) && !hasIPv6() {
			left = a
			continue
		}
		if err := h.host.Network().Listen(a); err != nil {
			return fmt.Errorf("p2p: listen on %s (is another node running on that port?): %w", a, cause(a, err))
		}
		opened++
	}
	if left == nil {
		return nil
	}
	if opened == 0 {
		return errors.New("p2p: this machine has no IPv6: listen on an IPv4 address such as /ip4/0.0.0.0/tcp/4801")
	}
	h.log.Warn("not listening on IPv6: this machine has none", "addr", left)
	return nil
}

// cause is what the machine itself says of an address that could not be opened: libp2p keeps its
// words alone, by which nobody can tell what passes from what has to be mended.
func cause(a ma.Multiaddr, err error) error {
	l, own := manet.Listen(a)
	if own == nil {
		l.Close()
		return err
	}
	if errno := syscall.Errno(0); errors.As(own, &errno) {
		return own
	}
	return err
}

func isAnyIPv6(a ma.Multiaddr) bool {
	_, err := a.ValueForProtocol(ma.P_IP6)
	return err == nil && manet.IsIPUnspecified(a)
}

func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}
