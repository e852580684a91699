package chain

import (
	"fmt"
	"time"

	"cairn/consensus"
)

// LeaveFuture takes the blocks off the end of the best branch that whoever has the keys of own made
// by a clock which was ahead: from the first one on that says a later time than a block may say
// now. No other node takes them, nor what stands on them. It leaves nothing if another miner's
// block is among them: then it is now that is behind. The blocks stay stored as a side branch.
func (m *Manager) LeaveFuture(own func(miner consensus.Key) bool, now time.Time) (left int, err error) {
	m.adding.Lock()
	defer m.adding.Unlock()
	if err := m.fresh(); err != nil {
		return 0, err
	}
	from := m.State()
	target, ok, err := m.beforeFuture(from, own, consensus.LatestBlockTime(m.network.Params(), now))
	if err != nil || !ok {
		return 0, err
	}
	s, err := m.rewind(from, target)
	if err != nil {
		m.stale = true
		return 0, fmt.Errorf("leave blocks of a clock that was ahead: %w", err)
	}
	left = int(from.Height() - s.Height())
	m.log.Warn("chain: left blocks of our own that a wrong clock had made", "before", tipOf(from).String(), "after", tipOf(s).String(), "left", left)
	m.state.Store(s)
	m.subs.Wake()
	return left, m.loadSides()
}

// beforeFuture returns the last block with none on or below it that is later than limit; not ok if
// that is the tip, or if not all above it are by miners of own.
func (m *Manager) beforeFuture(s *consensus.State, own func(consensus.Key) bool, limit uint64) (target consensus.Hash, ok bool, err error) {
	hs := s.HeaderState()
	err = m.store.View(func(tx Reader) error {
		for hs.LatestTime() > limit {
			b, err := m.block(tx, hs.ID())
			if err != nil {
				return err
			}
			if b.Header.Height == 0 || !own(b.Header.Miner) {
				return nil
			}
			n, err := getNode(tx, m.network, b.Header.Prev)
			if err != nil {
				return err
			}
			hs = n.state
		}
		ok = hs.ID() != s.Tip()
		return nil
	})
	return hs.ID(), ok, err
}

// rewind moves the stored best branch back to target, which is on it. What is committed on the way
// is the consistent end of some block.
func (m *Manager) rewind(s *consensus.State, target consensus.Hash) (*consensus.State, error) {
	r, w := reorg{m: m}, m.newWriter()
	s, err := r.back(w, s, target)
	if err != nil {
		return nil, err
	}
	return s, w.close()
}
