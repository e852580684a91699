package mempool

import "cairn/consensus"

// proof is two batches of one series with one number, both signed by their key: what
// a suspension of the key shows. Both are kept and passed on, apart from all limits of
// batches, so that who brings the suspension finds them.
type proof struct {
	org           consensus.Hash
	first, second *consensus.Batch
	id            consensus.Hash // of the second
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

// Evidence returns what suspensions of recorder keys could show.
func (p *Pool) Evidence() []*consensus.Suspend {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*consensus.Suspend, 0, len(p.evidence))
	for _, pr := range p.evidence {
		list = append(list, consensus.NewSuspend(pr.first, pr.second))
	}
	return list
}
