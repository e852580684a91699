package chain

import (
	"errors"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// Blocks of our own from a clock that was ahead are left, with what stands on them; others' never.
func TestLeaveFuture(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		why    string
		miners []int           // of the blocks on top of a sound one
		ahead  []time.Duration // of now, by block
		left   int
	}{
		{"none", nil, nil, 0},
		{"the tip", []int{0}, []time.Duration{hour}, 1},
		{"within the slack", []int{0}, []time.Duration{time.Second}, 0},
		{"some, and a sound one on top", []int{0, 0, 0}, []time.Duration{hour, 2 * hour, 0}, 3},
		{"those behind a sound one", []int{0, 0, 0}, []time.Duration{0, hour, 0}, 2},
		{"another's", []int{1}, []time.Duration{hour}, 0},
		{"own ones on another's", []int{1, 0, 0}, []time.Duration{hour, hour, hour}, 0},
		{"own ones below another's", []int{0, 1}, []time.Duration{hour, hour}, 0},
		{"those of another key of one's own", []int{2, 0, 2}, []time.Duration{hour, hour, hour}, 3},
	} {
		t.Run(c.why, func(t *testing.T) {
			net, dir := chaintest.New(3), t.TempDir()
			m, shut := open(t, net, dir)
			defer func() { shut() }()
			m.stepLimit = 1
			blocks, s := net.Chain(m.State(), 14) // so many that the median is a sound time
			mustAdd(t, m, Extended, blocks...)
			now := time.UnixMilli(int64(s.Time()))
			batches := net.Batches(s, 0, len(c.miners), "x")
			for i, by := range c.miners {
				b := net.Mine(s, by, chaintest.Body{Time: now.Add(c.ahead[i]), Batches: batches[i : i+1]})
				mustAdd(t, m, Extended, b)
				blocks = append(blocks, b)
				s, _ = consensus.ApplyBlock(s, b)
			}
			tip := m.Tip()
			left, err := m.LeaveFuture(func(key consensus.Key) bool { return key != net.Orgs[1].RecorderKey() }, now)
			if err != nil || left != c.left {
				t.Fatalf("%d blocks left (%v), want %d", left, err, c.left)
			}
			checkReplay(t, m)
			if m.Tip().Height != tip.Height-uint64(c.left) {
				t.Errorf("tip %v", m.Tip())
			}
			reverted, applied, err := m.UpdatesSince(tip, 100)
			if err != nil || len(reverted) != c.left || len(applied) != 0 {
				t.Errorf("a follower reverts %d and applies %d (%v)", len(reverted), len(applied), err)
			}
			shut()
			m, shut = open(t, net, dir)
			checkReplay(t, m)
			if c.left == 0 {
				return
			}
			if _, err := m.AddBlock(blocks[len(blocks)-1], late); !errors.Is(err, ErrKnown) {
				t.Errorf("a block that was left: %v", err)
			}
			mustAdd(t, m, Extended, net.Mine(m.State(), 1, chaintest.Body{}))
			checkReplay(t, m)
			// One more on what was left makes that the best again, when its time has come.
			mustAdd(t, m, Reorganised, net.Mine(s, 1, chaintest.Body{}))
			checkReplay(t, m)
		})
	}
}

// Genesis is never left.
func TestLeaveFutureAtGenesis(t *testing.T) {
	net := chaintest.New(1)
	m := newManager(t, net)
	if left, err := m.LeaveFuture(func(consensus.Key) bool { return true }, chaintest.GenesisTime.AddDate(-1, 0, 0)); left != 0 || err != nil {
		t.Errorf("%d left (%v)", left, err)
	}
}
