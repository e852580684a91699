package p2p

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	multistream "github.com/multiformats/go-multistream"

	"cairn/mailstore/wake"
)

// watchConnections subscribes to the coming and going of peers.
func (h *Host) watchConnections() (event.Subscription, error) {
	sub, err := h.host.EventBus().Subscribe(new(event.EvtPeerConnectednessChanged))
	if err != nil {
		return nil, fmt.Errorf("p2p: watch connections: %w", err)
	}
	return sub, nil
}

// greetPeers gives each peer its goroutine while it is connected.
func (h *Host) greetPeers(events event.Subscription) {
	defer func() { _ = events.Close() }()
	for _, id := range h.host.Network().Peers() {
		h.meet(id)
	}
	for {
		select {
		case <-h.ctx.Done():
			return
		case e, ok := <-events.Out():
			if !ok {
				return
			}
			id := e.(event.EvtPeerConnectednessChanged).Peer
			if h.host.Network().Connectedness(id) == network.Connected {
				h.meet(id)
			} else {
				h.roster.drop(id)
			}
		}
	}
}

// meet returns the roster's entry of a connected peer and starts its goroutine if it is new; nil if
// the peer has gone.
func (h *Host) meet(id peer.ID) *remote {
	inbound := true
	for _, c := range h.host.Network().ConnsToPeer(id) {
		if c.Stat().Direction == network.DirOutbound {
			inbound = false
		}
	}
	r, made := h.roster.meet(h.ctx, id, inbound)
	if h.host.Network().Connectedness(id) != network.Connected {
		h.roster.drop(id)
		return nil
	}
	if made {
		h.value(id)
		h.spawn(func() { h.keepUp(r) })
	}
	return r
}

// memberValue is above what gossip gives to a connection for the messages that came over it first.
const memberValue = 1000

// value tells the manager of connections whether a peer is enrolled: of too many it closes those of
// strangers first.
func (h *Host) value(id peer.ID) {
	if h.enrolled(id) {
		h.host.ConnManager().TagPeer(id, "member", memberValue)
	} else {
		h.host.ConnManager().UntagPeer(id, "member")
	}
}

// keepUp greets a peer and then keeps both sides level with each other for as long as it is
// connected.
func (h *Host) keepUp(r *remote) {
	if r.inbound {
		select {
		case <-r.greeted:
		case <-time.After(h.timing.greet):
		case <-r.ctx.Done():
			return
		}
	}
	if !h.greet(r) {
		return
	}
	h.askPeers(r)
	h.askTime(r)
	h.askInstance(r)
	status, pool, peers, clock := newTicker(h.timing.status), newTicker(h.timing.pool), newTicker(h.timing.peers), newTicker(h.timing.time)
	copies := newTicker(h.timing.copies)
	defer copies.Stop()
	defer clock.Stop()
	defer status.Stop()
	defer pool.Stop()
	defer peers.Stop()
	misses := 0
	for {
		if s, ok := h.roster.standing(r); ok && !h.behind(s) && h.roster.takePool(r) {
			h.exchangePool(r)
		}
		select {
		case <-r.ctx.Done():
			return
		case <-peers.C:
			h.askPeers(r)
			continue
		case <-clock.C:
			h.askTime(r)
			continue
		case <-copies.C:
			h.askInstance(r)
			continue
		case <-pool.C:
			h.roster.markPool(r)
			continue
		case <-status.C:
			h.value(r.id) // it may have been enrolled, or have ended
		case <-r.kick:
		}
		if err := h.tellStatus(r); err == nil {
			misses = 0
		} else if misses++; misses >= 3 {
			h.stats.add("peer.silent")
			_ = h.host.Network().ClosePeer(r.id)
			return
		}
	}
}

// newTicker ticks about every d: nodes that were started together should not act together.
func newTicker(d time.Duration) *time.Ticker {
	return time.NewTicker(d*3/4 + rand.N(d/2+1))
}

// greet makes the first exchange with a peer; false if the peer is not one of ours or does not
// answer. It has been disconnected then.
func (h *Host) greet(r *remote) bool {
	select {
	case <-r.greeted: // it came first; it knows our status from the answer
		return true
	default:
	}
	err := h.tellStatus(r)
	if err == nil {
		return true
	}
	if r.ctx.Err() != nil {
		return false
	}
	_, other := errors.AsType[multistream.ErrNotSupported[protocol.ID]](err)
	_, apart := errors.AsType[*Apart](err)
	switch {
	case other:
		h.stats.add("peer.other-chain")
		h.logOf(r.id).Info("disconnected a node that is not of this chain", "peer", r.id, "chain", h.chainID)
		_ = h.part(r.id, ErrOtherNetwork)
	case apart:
	default:
		h.stats.add("peer.no-greeting")
		h.log.Debug("peer did not answer", "peer", r.id, "err", err)
	}
	_ = h.host.Network().ClosePeer(r.id)
	return false
}

// announce tells all peers the status of this node, and makes mempools equal again: after blocks
// have come in by other ways than gossip.
func (h *Host) announce() {
	h.roster.duePool()
	for _, p := range h.roster.greeted() {
		wake.Up(p.kick)
	}
}

// askPeers asks a peer for addresses of others.
func (h *Host) askPeers(r *remote) {
	ctx, cancel := context.WithTimeout(r.ctx, h.timing.request)
	defer cancel()
	if _, err := h.requestPeers(ctx, r.id, peersRequest{Limit: maxPeerRecords}); err == nil {
		h.dialer.look()
	}
}
