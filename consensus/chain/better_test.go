package chain

import (
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

func TestBetter(t *testing.T) {
	const easy, hard = consensus.MaxBits, consensus.MaxBits - 1<<24 // 256 times the work
	genesis := chaintest.New(1).Genesis.State().HeaderState()
	branch := func(bits ...uint32) *consensus.HeaderState {
		hs := genesis
		for i, b := range bits {
			hs = hs.Next(&consensus.Header{Height: uint64(i) + 1, Prev: hs.ID(), Bits: b, Time: hs.Time() + 1, Nonce: uint64(len(bits))})
		}
		return hs
	}
	for _, c := range []struct {
		name               string
		current, candidate *consensus.HeaderState
		want               bool
	}{
		{"itself", branch(easy), branch(easy), false},
		{"on top of genesis", genesis, branch(easy), true},
		{"one block more", branch(easy, easy), branch(easy, easy, easy), true},
		{"one block fewer", branch(easy, easy), branch(easy), false},
		{"the same work, seen later", branch(easy, hard), branch(hard, easy), false},
		{"fewer blocks, more work", branch(easy, easy, easy), branch(hard), true},
		{"more blocks, less work", branch(hard), branch(easy, easy, easy), false},
	} {
		if got := better(c.current, c.candidate); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
