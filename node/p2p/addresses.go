package p2p

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
)

// servePeers answers a peersRequest with one frame per signed record and an empty one.
func (h *Host) servePeers(_ context.Context, from peer.ID, s network.Stream) error {
	raw, err := readFrame(s, peersRequestSize)
	if err != nil {
		return err
	}
	req, err := decodePeersRequest(raw)
	if err != nil {
		return err
	}
	for _, rec := range h.recordsFor(req, from) {
		if err := writeFrame(s, rec); err != nil {
			return err
		}
	}
	return writeFrame(s, nil)
}

// recordsFor chooses what to answer.
func (h *Host) recordsFor(req *peersRequest, from peer.ID) [][]byte {
	if req.Node == (consensus.Key{}) {
		return h.book.records(min(int(req.Limit), maxPeerRecords), from)
	}
	id, err := peerID(req.Node)
	if err != nil {
		return nil
	}
	if id == h.host.ID() {
		return [][]byte{h.ownRecord()}
	}
	if rec := h.book.record(id); rec != nil {
		return [][]byte{rec}
	}
	return nil
}

// requestPeers asks a peer for records and notes them. It returns whose they are.
func (h *Host) requestPeers(ctx context.Context, p peer.ID, req peersRequest) (found []peer.ID, err error) {
	err = h.ask(ctx, p, "peers", h.names.peers, func(s network.Stream) error {
		if err := writeFrame(s, req.encode()); err != nil {
			return err
		}
		near := scopeOf(s.Conn().RemoteMultiaddr())
		for {
			raw, err := readFrame(s, maxRecord)
			if err != nil {
				return err
			}
			if len(raw) == 0 {
				return nil
			}
			if len(found) >= int(req.Limit) {
				return fmt.Errorf("%w: more peer records than asked for", errMalformed)
			}
			id, err := h.book.learn(raw, near)
			if err != nil {
				return err
			}
			found = append(found, id)
		}
	})
	return found, err
}
