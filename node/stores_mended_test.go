package node

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"cairn/consensus"
	"cairn/node/home"
)

// A node whose index is damaged starts, with an index that is built anew.
func TestDamagedIndexStartsAnew(t *testing.T) {
	dir, _ := founder(t, "alpha", "alpha.test")
	quiet(t, dir, nil)
	n, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, home.IndexDir, "MANIFEST"), 16); err != nil {
		t.Fatal(err)
	}
	if n, err = Open(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// A founder whose chain is damaged has those of its blocks again that are sound, and the damaged
// folder is kept once, and one only.
func TestDamagedChainIsRescued(t *testing.T) {
	t.Parallel()
	dir, _ := founder(t, "alpha", "alpha.test")
	quiet(t, dir, nil)
	open := func() *Node {
		t.Helper()
		n, err := Open(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	shut := func(n *Node) {
		t.Helper()
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	n := open()
	b := mineOne(n)
	if _, err := n.chain.AddBlock(b, n.now()); err != nil {
		t.Fatal(err)
	}
	tip := n.chain.Tip()
	shut(n)
	cutManifest := func() error { return os.Truncate(filepath.Join(dir, home.ChainDir, "MANIFEST"), 16) }
	flipFooters := func() error {
		tables, err := filepath.Glob(filepath.Join(dir, home.ChainDir, "*.sst"))
		if len(tables) == 0 {
			return errors.Join(err, errors.New("the chain has no table"))
		}
		for _, name := range tables {
			b, readErr := os.ReadFile(name)
			if readErr == nil {
				b[len(b)-1] ^= 1
				readErr = os.WriteFile(name, b, 0o600)
			}
			err = errors.Join(err, readErr)
		}
		return err
	}
	for _, spoil := range []func() error{cutManifest, cutManifest, flipFooters} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		n = open()
		if n.chain.Tip() != tip {
			t.Errorf("tip %v, had %v", n.chain.Tip(), tip)
		}
		shut(n)
		if _, err := os.Stat(filepath.Join(dir, home.ChainDir+home.DamagedEnd, takenFile)); err != nil {
			t.Error(err)
		}
	}
	// A start that was killed before all was taken over goes on.
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, home.ChainDir)), os.Remove(filepath.Join(dir, home.ChainDir+home.DamagedEnd, takenFile))); err != nil {
		t.Fatal(err)
	}
	n = open()
	if n.chain.Tip() != tip {
		t.Errorf("tip %v, had %v", n.chain.Tip(), tip)
	}
	shut(n)
}

// mineOne makes an empty block on the chain of a node that may mine.
func mineOne(n *Node) *consensus.Block {
	s := n.chain.State()
	b := &consensus.Block{Header: consensus.SignedHeader{Header: consensus.Header{
		Version: s.Params().Version, ChainID: s.ChainID(), Height: s.Height() + 1, Prev: s.Tip(),
		BodyRoot: consensus.BodyRoot(s.Params().Version, nil, nil), StateRoot: consensus.StateRootAfter(s, nil, nil),
		Miner: n.id.RecorderKey(), Time: max(uint64(n.now().UnixMilli()), s.MedianTime()+1), Bits: s.NextBits(),
	}}}
	target, _ := consensus.TargetFromBits(b.Header.Bits)
	b.Header.Nonce, _ = consensus.NewPowHasher(&b.Header.Header).Search(target, 0, math.MaxUint64)
	b.Header = consensus.SignHeader(b.Header.Header, n.id.Recorder)
	return b
}
