package p2p

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// readBlocks counts the blocks that were read from a chain.
type readBlocks struct {
	Chain
	read int
}

func (c *readBlocks) Block(id consensus.Hash) (*consensus.Block, error) {
	c.read++
	return c.Chain.Block(id)
}

// unread is a stream on which a request comes and nobody reads the answer.
type unread struct {
	network.Stream
	in    bytes.Reader
	write func()
}

func (s *unread) Read(b []byte) (int, error) { return s.in.Read(b) }

func (s *unread) Write([]byte) (int, error) {
	s.write()
	return 0, errors.New("nobody reads")
}

// TestBlocksAreReadAsTheyAreTaken: who asks for many large blocks or their headlines, and does not
// read them, keeps one of them in memory.
func TestBlocksAreReadAsTheyAreTaken(t *testing.T) {
	n := start(t, chaintest.New(1), 0, setup{})
	n.enrol()
	byID := &blockRequest{Kind: blocksByID, Limit: maxWanted}
	for range maxWanted {
		byID.Hashes = append(byID.Hashes, n.mine(chaintest.Body{}).ID())
	}
	behind := &blockRequest{Kind: blocksAfter, Limit: maxWanted, Hashes: []consensus.Hash{n.chain.Genesis().Block.ID()}}
	reads := &readBlocks{Chain: n.chain}
	h := &Host{chain: reads}
	for _, c := range []struct {
		what  string
		serve func(context.Context, peer.ID, network.Stream) error
		req   *blockRequest
	}{
		{"blocks by their ids", h.serveBlocks, byID},
		{"blocks after a locator", h.serveBlocks, behind},
		{"headlines", h.serveHeadlines, behind},
	} {
		reads.read = 0
		var at int
		s := &unread{write: func() { at = reads.read }}
		s.in.Reset(framed(c.req.encode()))
		if err := c.serve(t.Context(), "", s); err == nil {
			t.Fatalf("%s: no error", c.what)
		}
		if at != 1 {
			t.Errorf("%s: %d blocks were in memory when the first was written, want 1", c.what, at)
		}
	}
}

// fatBlocks is a chain of five blocks of one size.
type fatBlocks struct {
	Chain
	block *consensus.Block
}

func (c fatBlocks) IDsAfter([]consensus.Hash, int) ([]consensus.Hash, error) {
	return make([]consensus.Hash, 5), nil
}

func (c fatBlocks) Block(consensus.Hash) (*consensus.Block, error) { return c.block, nil }

// An answer ends at so many bytes, though never before one block.
func TestAnswerOfBlocksIsBounded(t *testing.T) {
	for size, want := range map[int]int{1: 5, maxBlocksBytes * 2 / 5: 2, maxBlocksBytes * 3 / 5: 1, maxBlocksBytes + 1: 1} {
		b := &consensus.Block{Batches: []consensus.Batch{{Micros: make([]consensus.MicroRoot, size/consensus.MicroSize)}}}
		h, given := &Host{chain: fatBlocks{block: b}}, 0
		err := h.serveAfter(taken{}, &blockRequest{Limit: 5}, func(*consensus.Block) []byte {
			given++
			return []byte{1}
		})
		if err != nil || given != want {
			t.Errorf("%d blocks of %d bytes (%v), want %d", given, size, err, want)
		}
	}
}

// taken is a stream of which everything is read.
type taken struct{ network.Stream }

func (taken) Write(b []byte) (int, error) { return len(b), nil }
