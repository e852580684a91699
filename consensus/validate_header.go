package consensus

import (
	"fmt"
	"time"
)

// ValidateHeader checks h against the header state of its parent: all rules
// that need neither the member table nor a clock. The miner's membership and
// signature are ValidateBlock's to check.
func ValidateHeader(hs *HeaderState, h *SignedHeader) error {
	switch {
	case h.Version != hs.net.params.Version:
		return broken(RuleVersion, "header of version %d, the network's is %d", h.Version, hs.net.params.Version)
	case h.Flags != 0:
		return broken(RuleFlags, "header has flags %#04x, none are defined", h.Flags)
	case h.ChainID != hs.net.chain:
		return broken(RuleChain, "header of chain %v, this is %v", h.ChainID, hs.net.chain)
	case h.Height != hs.height+1:
		return broken(RuleHeight, "header of height %d on top of %d", h.Height, hs.height)
	case h.Prev != hs.id:
		return broken(RulePrev, "header follows %v, not %v", h.Prev, hs.id)
	}
	if bits := hs.NextBits(); h.Bits != bits {
		return broken(RuleBits, "header states bits %08x, its parent demands %08x", h.Bits, bits)
	}
	target, ok := TargetFromBits(h.Bits)
	if id := h.ID(); !ok || !target.Met(id) {
		return broken(RulePow, "hash %v exceeds the target %v", id, target)
	}
	if median := hs.MedianTime(); h.Time <= median {
		return broken(RuleTimeTooOld, "time %d is not after the median %d of the last %d blocks", h.Time, median, medianBlocks)
	}
	return nil
}

// LatestBlockTime returns the latest time, in ms since 1970, that a block may say now.
func LatestBlockTime(p *Params, now time.Time) uint64 {
	return uint64(max(now.Add(p.ClockSlack()).UnixMilli(), 0))
}

// CheckClock compares a header's time with the wall clock. The error wraps
// ErrFuture and means: look again later. It says nothing against the header.
func CheckClock(p *Params, h *Header, now time.Time) error {
	limit := LatestBlockTime(p, now)
	if h.Time <= limit {
		return nil
	}
	return fmt.Errorf("%w: it says %d ms, the limit is %d ms now; check this node's clock if it persists", ErrFuture, h.Time, limit)
}
