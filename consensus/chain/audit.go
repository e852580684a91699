package chain

import (
	"context"
	"fmt"

	"cairn/consensus"
)

// Check validates the best branch once more, block by block from genesis on, and holds the stored
// state to what comes of it. IsDamaged tells an error that says so from others, as the end of ctx.
// progress is told how many of how many were looked at. No block may be added meanwhile.
func (m *Manager) Check(ctx context.Context, progress func(done, of uint64)) error {
	s, tip := m.genesis.State(), m.Tip()
	for height := uint64(1); height <= tip.Height; height++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		at, ok := m.IndexAt(height)
		if !ok {
			return fmt.Errorf("%w: no block at height %d", errDamaged, height)
		}
		b, err := m.Block(at.ID)
		if err == nil {
			err = consensus.ValidateBlock(s, b)
		}
		if err != nil {
			return fmt.Errorf("%w: block %d: %w", errDamaged, height, err)
		}
		s, _ = consensus.ApplyBlock(s, b)
		progress(height, tip.Height)
	}
	if !s.Equal(m.State()) {
		return fmt.Errorf("%w: what is kept after block %d is not what the blocks make", errDamaged, tip.Height)
	}
	return nil
}
