package p2p

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	multistream "github.com/multiformats/go-multistream"
)

// triedOf is how many of the addresses that a node announces are tried.
const triedOf = 4

// Announced returns an address that a node has announced of itself and at which it answers, with
// its key, when it is dialled anew: that it is connected tells nothing of that where it has dialled
// this node. Empty: none of them.
func (h *Host) Announced(ctx context.Context, p Peer) string {
	id, err := peer.Decode(p.ID)
	if err != nil {
		return ""
	}
	signed := h.book.announced(id)
	for _, a := range signed[:min(len(signed), triedOf)] {
		if err := h.knock(ctx, id, a); err != nil {
			h.log.Debug("a peer does not answer where it says that it listens", "peer", id, "addr", a, "err", err)
			continue
		}
		return fmt.Sprintf("%s/p2p/%s", a, id)
	}
	return ""
}

// knock opens a connection of its own to a node, as far as its proof of who it is.
func (h *Host) knock(ctx context.Context, id peer.ID, addr ma.Multiaddr) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var d manet.Dialer
	raw, err := d.DialContext(ctx, addr)
	if err != nil {
		return err
	}
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	if err := multistream.SelectProtoOrFail(noise.ID, raw); err != nil {
		return err
	}
	secured, err := noise.New(noise.ID, h.priv, nil)
	if err != nil {
		return err
	}
	c, err := secured.SecureOutbound(ctx, raw, id)
	if err != nil {
		return err
	}
	return c.Close()
}
