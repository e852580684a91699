package p2p

import (
	"context"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
)

// serveBlocks answers a blockRequest with one frame per block and an empty one.
func (h *Host) serveBlocks(_ context.Context, _ peer.ID, s network.Stream) error {
	raw, err := readFrame(s, maxBlockRequest)
	if err != nil {
		return err
	}
	req, err := decodeBlockRequest(raw)
	if err != nil {
		return err
	}
	if req.Kind == blocksByID {
		return h.serveByID(s, req)
	}
	return h.serveAfter(s, req, (*consensus.Block).Encode)
}

// serveAfter answers a request of kind blocksAfter with what frame makes of each block. Like
// serveByID it reads a block when the one before it was taken.
func (h *Host) serveAfter(s network.Stream, req *blockRequest, frame func(*consensus.Block) []byte) error {
	ids, err := h.chain.IDsAfter(req.Hashes, int(req.Limit))
	if err != nil {
		return err
	}
	size := 0
	for i, id := range ids {
		b, err := h.chain.Block(id)
		if err != nil {
			return err
		}
		if size += b.Size(); size > maxBlocksBytes && i > 0 {
			break
		}
		if err := writeFrame(s, frame(b)); err != nil {
			return err
		}
	}
	return writeFrame(s, nil)
}

// serveByID reads a block when the one before it was taken: all of them together may be sixteen
// times the largest block, and who asks need not read them.
func (h *Host) serveByID(s network.Stream, req *blockRequest) error {
	given := 0
	for _, id := range req.Hashes {
		if given == int(req.Limit) {
			break
		}
		b, err := h.chain.Block(id)
		if err != nil {
			continue
		}
		if err := writeFrame(s, b.Encode()); err != nil {
			return err
		}
		given++
	}
	return writeFrame(s, nil)
}

// requestBlocks asks a peer for blocks and reads the answer: no more blocks than asked for, and no
// more bytes than a correct node would send.
func (h *Host) requestBlocks(ctx context.Context, p peer.ID, req *blockRequest) (list []*consensus.Block, err error) {
	err = h.ask(ctx, p, "blocks", h.names.blocks, func(s network.Stream) error {
		if err := writeFrame(s, req.encode()); err != nil {
			return err
		}
		size := 0
		for {
			raw, err := readFrame(s, maxBlockFrame)
			if err != nil {
				return err
			}
			if len(raw) == 0 {
				return nil
			}
			size += len(raw)
			if len(list) >= int(req.Limit) || size > maxBlocksBytes+maxBlockFrame*maxWanted {
				return fmt.Errorf("%w: more blocks than asked for", errMalformed)
			}
			b, err := consensus.DecodeBlock(raw)
			if err != nil {
				return fmt.Errorf("%w: %w", errMalformed, err)
			}
			list = append(list, b)
		}
	})
	return list, err
}

// requestOne asks for a single block, with less patience, as somebody else may have it too.
func (h *Host) requestOne(ctx context.Context, p peer.ID, id consensus.Hash) ([]*consensus.Block, error) {
	ctx, cancel := context.WithTimeout(ctx, h.timing.request/4)
	defer cancel()
	return h.requestBlocks(ctx, p, &blockRequest{Kind: blocksByID, Limit: 1, Hashes: []consensus.Hash{id}})
}

var errNoBlock = errors.New("no peer has the block")

// fetchBlock gets a whole block by its id: from the peer that announced it, then from a few others.
// It says who sent it. What was sent has that id and the body that goes with it; whether it is
// valid has yet to be judged.
func (h *Host) fetchBlock(ctx context.Context, id consensus.Hash, announcer peer.ID) (*consensus.Block, peer.ID, error) {
	sources := []peer.ID{announcer}
	for _, p := range h.roster.greeted() {
		if p.id != announcer && len(sources) < 4 {
			sources = append(sources, p.id)
		}
	}
	err := errNoBlock
	for _, p := range sources {
		list, askErr := h.requestOne(ctx, p, id)
		switch {
		case askErr != nil:
			err = askErr
		case len(list) == 1 && list[0].ID() == id && consensus.BodyRoot(list[0].Header.Version, list[0].Events, list[0].Batches) == list[0].Header.BodyRoot:
			return list[0], p, nil
		case len(list) == 1:
			h.stats.add("stream.blocks.malformed")
			h.blame(p, 1)
		}
	}
	return nil, "", err
}
