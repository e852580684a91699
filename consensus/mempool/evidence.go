package mempool

import (
	"context"
	"maps"
	"slices"
	"time"

	"cairn/consensus"
	"cairn/mailstore/wake"
)

// proof is two batches of one series with one number, both signed by their key: what
// a suspension of the key shows. Both are kept and passed on, apart from all limits of
// batches.
type proof struct {
	org           consensus.Hash
	first, second *consensus.Batch
	id            consensus.Hash      // of the second
	event         *consensus.OrgEvent // the suspension; only Accuse looks at it
}

func (pr *proof) has(id consensus.Hash) bool { return pr != nil && pr.id == id }

// against returns the waiting batch with b's number if both are to be kept as evidence:
// of each organisation, one key at a time.
func (p *Pool) against(s *consensus.State, b *consensus.Batch, org consensus.Hash) *consensus.Batch {
	q := p.byKey[b.Recorder].queue(b.Epoch)
	at, found := q.find(b.Seq)
	if !found || !s.Params().HasEpochs() || !s.Seals(b.Recorder) || len(p.evidence) >= p.policy.MaxEvidence {
		return nil
	}
	for _, pr := range p.evidence {
		if pr.org == org {
			return nil
		}
	}
	return q[at].batch
}

// keep takes in b, which has the number of another batch, as evidence.
func (p *Pool) keep(pl place, b *consensus.Batch, id consensus.Hash) {
	p.evidence[b.Recorder] = &proof{org: pl.org, first: pl.against, second: b, id: id}
	wake.Up(p.accused)
}

// Accuse makes suspensions of the evidence that comes in until ctx is done, and returns
// nil then. Those that the pool takes are handed to publish. All who have the same
// evidence make the same event, so nobody has to agree on who does.
func (p *Pool) Accuse(ctx context.Context, c Chain, publish func(*consensus.OrgEvent)) error {
	wake, cancel := c.Subscribe()
	defer cancel()
	for {
		s := c.State()
		p.mu.Lock()
		proofs := slices.Collect(maps.Values(p.evidence))
		p.mu.Unlock()
		for _, pr := range proofs {
			if !pr.accuse(ctx, s) {
				return nil
			}
			if p.AddEvent(s, pr.event, time.Now()) == nil { // else it waits already, or has to
				publish(pr.event)
			}
		}
		select {
		case <-p.accused:
		case <-wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// accuse makes the event; false if ctx was done before it had its stamp.
func (pr *proof) accuse(ctx context.Context, s *consensus.State) (ok bool) {
	if pr.event != nil {
		return true
	}
	e := &consensus.OrgEvent{
		Version: s.Params().Version, ChainID: s.ChainID(), Subject: pr.org,
		Content: consensus.NewSuspend(pr.first, pr.second),
	}
	stop := func() bool { return ctx.Err() != nil }
	if e.Stamp, ok = consensus.SolveEventStamp(stop, e, s.Params().BatchStamp); ok {
		pr.event = e
	}
	return ok
}
