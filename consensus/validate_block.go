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
	if err := ValidateMiner(s, &b.Header); err != nil {
		return err
	}
	return ValidateBody(s, b)
}

// ValidateMiner checks a header for which ValidateHeader is nil: that it is
// signed by a member's node. Of s only header state and members have to be right.
func ValidateMiner(s *State, h *SignedHeader) error {
	key, err := miner(s, h)
	if err != nil {
		return err
	}
	if !verifyWith(key, h.SigningBytes(), h.Signature) {
		return headerSignatureError(h)
	}
	return nil
}

// ValidateBody checks a block for whose header ValidateHeader and ValidateMiner
// are nil.
func ValidateBody(s *State, b *Block) error {
	if err := checkBodyRoot(b); err != nil {
		return err
	}
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
	seq := newBatchSequenceOn(s)
	for i := range b.Batches {
		batch := &b.Batches[i]
		if err := checkBatchForm(&net.params, net.chain, batch); err != nil {
			return err
		}
		key, err := sealer(members, batch, b.Header.Height)
		if err != nil {
			return err
		}
		if err := seq.next(batch); err != nil {
			return err
		}
		if err := checkBatchTime(&net.params, &b.Header.Header, batch); err != nil {
			return err
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
