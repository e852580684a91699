package p2p

import (
	"bytes"
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"

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

// TestBlocksAreReadAsTheyAreTaken: who asks for many large blocks by their ids, and does not read them, keeps one of them in memory.
func TestBlocksAreReadAsTheyAreTaken(t *testing.T) {
	n := start(t, chaintest.New(1), 0, setup{})
	n.enrol()
	req := &blockRequest{Kind: blocksByID, Limit: maxWanted}
	for range maxWanted {
		req.Hashes = append(req.Hashes, n.mine(chaintest.Body{}).ID())
	}
	reads := &readBlocks{Chain: n.chain}
	h := &Host{chain: reads}
	var at int
	s := &unread{write: func() { at = reads.read }}
	s.in.Reset(framed(req.encode()))
	if err := h.serveBlocks(t.Context(), "", s); err == nil {
		t.Fatal("no error")
	}
	if at != 1 {
		t.Errorf("%d blocks were in memory when the first was written, want 1", at)
	}
}
