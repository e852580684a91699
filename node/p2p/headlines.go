package p2p

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
)

// serveHeadlines answers a blockRequest of kind blocksAfter with one frame per headline of those
// blocks and an empty one.
func (h *Host) serveHeadlines(_ context.Context, _ peer.ID, s network.Stream) error {
	raw, err := readFrame(s, maxBlockRequest)
	if err != nil {
		return err
	}
	req, err := decodeBlockRequest(raw)
	if err != nil {
		return err
	}
	if req.Kind != blocksAfter {
		return fmt.Errorf("%w: a request of kind %d for headlines", errMalformed, req.Kind)
	}
	return h.serveAfter(s, req, func(b *consensus.Block) []byte { return b.Headline().Encode() })
}

// requestHeadlines asks a peer for the headlines of the blocks after a locator and reads the
// answer. Of one that does not serve them, as version 0.1.0 did not, it takes those of whole
// blocks.
func (h *Host) requestHeadlines(ctx context.Context, p peer.ID, limit int, locator []consensus.Hash) (list []*consensus.Headline, err error) {
	req := &blockRequest{Kind: blocksAfter, Limit: uint16(limit), Hashes: locator}
	if known, err := h.host.Peerstore().SupportsProtocols(p, h.names.headers); err == nil && len(known) == 0 {
		blocks, err := h.requestBlocks(ctx, p, req)
		for _, b := range blocks {
			list = append(list, b.Headline())
		}
		return list, err
	}
	err = h.ask(ctx, p, "headers", h.names.headers, func(s network.Stream) error {
		if err := writeFrame(s, req.encode()); err != nil {
			return err
		}
		size := 0
		for {
			raw, err := readFrame(s, consensus.MaxHeadlineSize)
			if err != nil {
				return err
			}
			if len(raw) == 0 {
				return nil
			}
			if size += len(raw); len(list) >= limit || size > maxBlocksBytes+consensus.MaxHeadlineSize {
				return fmt.Errorf("%w: more headlines than asked for", errMalformed)
			}
			line, err := consensus.DecodeHeadline(raw)
			if err != nil {
				return fmt.Errorf("%w: %w", errMalformed, err)
			}
			list = append(list, line)
		}
	})
	return list, err
}
