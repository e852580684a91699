package p2p

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	multistream "github.com/multiformats/go-multistream"
)

// errAllSilent: no process of a node may speak for it.
var errAllSilent = errors.New("the node takes no mail at present: another process runs with its keys, until its administrator says which one stays")

// silentOn are the connections of a peer over which a process spoke last that is silent.
func (l *instances) silentOn(id peer.ID) map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	silent := make(map[string]bool)
	for _, t := range slices.Backward(l.byPeer[id]) { // the latest word counts
		silent[t.conn] = t.Silent
	}
	return silent
}

// speaking returns the connections to a peer behind which a process may speak for the node, as far
// as is known here, and whether there are others.
func (h *Host) speaking(id peer.ID) (list []network.Conn, others bool) {
	silent := h.instances.silentOn(id)
	for _, c := range h.host.Network().ConnsToPeer(id) {
		switch {
		case c.IsClosed() || c.Stat().Limited:
		case silent[c.ID()]:
			others = true
		default:
			list = append(list, c)
		}
	}
	return list, others
}

// isSilent reports whether no process of a connected node may speak for it.
func (h *Host) isSilent(id peer.ID) bool {
	list, others := h.speaking(id)
	return len(list) == 0 && others
}

// open opens a stream to a connected node for a word that commits it: to a process that may speak
// for it. While it is not known of several connections, each has its turn, since they may lead to
// two processes.
func (h *Host) open(ctx context.Context, id peer.ID, proto protocol.ID) (network.Stream, error) {
	list, others := h.speaking(id)
	switch {
	case len(list) == 0 && others:
		return nil, errAllSilent
	case len(list) == 0, len(list) == 1 && !others:
		return h.host.NewStream(network.WithNoDial(ctx, "it has just been connected"), id, proto)
	}
	return openOn(ctx, list[int(h.turns.Add(1))%len(list)], proto)
}

// openOn opens a stream over one connection: libp2p itself chooses one of those to a peer.
func openOn(ctx context.Context, c network.Conn, proto protocol.ID) (network.Stream, error) {
	s, err := c.NewStream(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	if err := multistream.SelectProtoOrFail(proto, s); err != nil {
		_ = s.Reset()
		return nil, fmt.Errorf("agree on a protocol: %w", errors.Join(err, ctx.Err()))
	}
	if err := s.SetProtocol(proto); err != nil {
		_ = s.Reset()
		return nil, err
	}
	return s, nil
}
