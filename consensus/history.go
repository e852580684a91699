package consensus

// history is the former entries of one organisation, the latest first. It is never changed.
type history struct {
	*Past
	before *history // nil: it is the first
	jump   *history // one further back, or the first itself
	n      int
}

// with returns the history with one entry more. Jumps are as in Myers, "An applicative
// random-access stack" (1983): whatever is looked for is found in 3 log2(n) steps or so.
func (h *history) with(p *Past) *history {
	next := &history{Past: p, before: h, n: 1}
	switch {
	case h == nil:
		next.jump = next
	case h.n-h.jump.n == h.jump.n-h.jump.jump.n:
		next.jump, next.n = h.jump.jump, h.n+1
	default:
		next.jump, next.n = h, h.n+1
	}
	return next
}

// after returns the earliest entry that ended after the block of that height, nil if none did.
func (h *history) after(height uint64) *history {
	if h == nil || h.Until <= height {
		return nil
	}
	for h.before != nil && h.before.Until > height {
		if h.jump.Until > height {
			h = h.jump
		} else {
			h = h.before
		}
	}
	return h
}

// until returns the latest entry that had ended at the block of that height, nil if none had.
func (h *history) until(height uint64) *history {
	if later := h.after(height); later != nil {
		return later.before
	}
	return h
}
