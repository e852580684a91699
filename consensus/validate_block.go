package consensus

// ValidateBlock checks a whole block on top of the state of its parent, all
// but the wall clock. Work is done in the order of its cost to an attacker:
// proof of work, the miner's signature, roots, and the body's signatures, all
// at once, last.
//
// A block that fails after ValidateHeader passed may fail for its signature or
// body only: its ID must not be remembered as invalid, since another block
// with the same ID may be valid.
func ValidateBlock(s *State, b *Block) error {
	if err := ValidateHeader(s.hs, &b.Header); err != nil {
		return err
	}
	_, key, ok := s.members.active(b.Header.Miner)
	if !ok {
		return broken(RuleUnknownMiner, "miner key %v is not an enrolled recorder key, or not any more", b.Header.Miner)
	}
	if !verifyWith(key, b.Header.SigningBytes(), b.Header.Signature) {
		return broken(RuleHeaderSignature, "header is not signed by its miner %v", b.Header.Miner)
	}
	if size := b.BodySize(); size > MaxBody {
		return broken(RuleBodySize, "body of %d bytes, at most %d allowed", size, MaxBody)
	}
	if root := BodyRoot(b.Header.Version, b.Events, b.Batches); root != b.Header.BodyRoot {
		return broken(RuleBodyRoot, "header has body root %v, the body has %v", b.Header.BodyRoot, root)
	}
	return validateBody(s, b)
}

func validateBody(s *State, b *Block) error {
	net := s.hs.net
	sigs := newSignatures(len(b.Batches) + 3*len(b.Events))
	table := s.members.edit(&net.params, b.Header.Height)
	for i := range b.Events {
		e := &b.Events[i]
		if err := checkEventForm(&net.params, net.chain, e); err != nil {
			return err
		}
		if err := e.Content.apply(table, e); err != nil {
			return err
		}
		e.Content.queue(sigs, e)
	}
	members := table.done()
	if err := checkBatchOrder(b.Batches); err != nil {
		return err
	}
	limit := BatchTimeLimit(&net.params, b.Header.Time)
	seq := newBatchSequence(s, members)
	for i := range b.Batches {
		batch := &b.Batches[i]
		key, err := seq.next(batch)
		if err != nil {
			return err
		}
		if batch.Time > limit {
			return broken(RuleBatchTime, "batch %d of %v: time %d is after %d, the limit in this block", batch.Seq, batch.Recorder, batch.Time, limit)
		}
		sigs.addExpanded(key, batch.SigningBytes(), batch.Signature, batchSignatureError(batch))
	}
	tips, _ := s.tips.apply(net.params.Version, b.Batches, b.Header.Height)
	if root := stateRoot(net, members, tips, s.hs.blocks); root != b.Header.StateRoot {
		return broken(RuleStateRoot, "header has state root %v, the body leads to %v", b.Header.StateRoot, root)
	}
	return sigs.first()
}

// checkBatchOrder holds to rounds: a batch that is its key's n-th in the block
// comes after all that are their key's (n-1)-th or earlier, so that nobody's
// second batch displaces somebody's first.
func checkBatchOrder(batches []Batch) error {
	counts := make(map[Key]int, len(batches))
	round := 0
	for i := range batches {
		key := batches[i].Recorder
		counts[key]++
		switch n := counts[key]; {
		case n > MaxBatchesPerKey:
			return broken(RuleBatchCount, "more than %d batches of recorder %v", MaxBatchesPerKey, key)
		case n < round:
			return broken(RuleBatchOrder, "batch %d of %v, its key's number %d in the block, comes after a number %d", batches[i].Seq, key, n, round)
		default:
			round = n
		}
	}
	return nil
}
