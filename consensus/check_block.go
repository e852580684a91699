package consensus

// What a block is checked for differs in what has to be known to check it. This is the one place
// that tells them apart:
//
//	ValidateHeader   the headers before it: version, chain, place, bits, proof of work, time
//	CheckBlock       nothing: signatures, sizes, root of the body, form of events and batches, their order, batches of
//	                 one series that follow each other within the block
//	ValidateMembers  the events before it, which say who is a member: who mined it, what its events change, whose batches
//	                 it has
//	ValidateBlock    all of these, and the batches before it: number, previous one, time and epoch of the first batch of
//	                 a series, and the state root
//
// A block that passes all but the last may be kept beside the best branch; the last says whether it
// can be on it. Whether a node that is behind must not hold a broken rule against who sent the
// value, RuleError.OfState says.

// CheckBlock checks what a block shows by itself. What it refuses, ValidateBlock refuses on every
// state, though maybe for another rule that is broken as well.
func CheckBlock(n *Network, b *Block) error {
	if err := checkHeaderSignature(&b.Header); err != nil {
		return err
	}
	return CheckBody(n, b)
}

// CheckBody is CheckBlock for a block whose header's signature has been checked.
func CheckBody(n *Network, b *Block) error {
	if err := checkBodyRoot(b); err != nil {
		return err
	}
	sigs := newSignatures(len(b.Batches) + 3*len(b.Events))
	for i := range b.Events {
		e := &b.Events[i]
		if err := checkEventForm(&n.params, n.chain, e); err != nil {
			return err
		}
		e.Content.queue(sigs, e)
	}
	if err := checkBatchOrder(b.Batches); err != nil {
		return err
	}
	seq := newBatchSequence(&n.params)
	for i := range b.Batches {
		batch := &b.Batches[i]
		if err := checkBatchForm(&n.params, n.chain, batch); err != nil {
			return err
		}
		if err := seq.next(batch); err != nil {
			return err
		}
		if err := checkBatchTime(&n.params, &b.Header.Header, batch); err != nil {
			return err
		}
		sigs.add(batch.Recorder, batch.SigningBytes(), batch.Signature, batchSignatureError(batch))
	}
	return sigs.first()
}

// ValidateMembers checks what the members after the parent decide about a block for which
// CheckBlock is nil. Of the state s after the parent only header state and members have to be
// right, see AfterHeadline.
func ValidateMembers(s *State, b *Block) error {
	if _, err := miner(s, &b.Header); err != nil {
		return err
	}
	members, err := applyEvents(s, b.Events)
	if err != nil {
		return err
	}
	for i := range b.Batches {
		if _, err := sealer(members, &b.Batches[i], b.Header.Height); err != nil {
			return err
		}
	}
	return nil
}

// miner returns the key that has to have signed a header on top of s.
func miner(s *State, h *SignedHeader) (*verifyingKey, error) {
	_, key, ok := s.members.active(h.Miner)
	if !ok {
		return nil, broken(RuleUnknownMiner, "miner key %v is not an enrolled recorder key, or not any more", h.Miner)
	}
	return key, nil
}

// sealer returns the key that has to have signed a batch in a block of that height.
func sealer(m *members, b *Batch, height uint64) (*verifyingKey, error) {
	key, ok := m.sealing(b.Recorder, height)
	if !ok {
		return nil, broken(RuleUnknownRecorder, "recorder key %v is not enrolled, or not any more", b.Recorder)
	}
	return key, nil
}

// applyEvents returns the members after events, whose form is right, of a block on top of s.
func applyEvents(s *State, events []OrgEvent) (*members, error) {
	table := s.members.edit(s.Params(), s.Height()+1)
	for i := range events {
		if err := events[i].Content.apply(table, &events[i]); err != nil {
			return nil, err
		}
	}
	return table.done(), nil
}

func checkHeaderSignature(h *SignedHeader) error {
	if !VerifySignature(h.Miner, h.SigningBytes(), h.Signature) {
		return headerSignatureError(h)
	}
	return nil
}

func headerSignatureError(h *SignedHeader) error {
	return broken(RuleHeaderSignature, "header is not signed by its miner %v", h.Miner)
}

// checkBodyRoot checks the size of a body, and that it is its header's.
func checkBodyRoot(b *Block) error {
	if size := b.BodySize(); size > MaxBody {
		return broken(RuleBodySize, "body of %d bytes, at most %d allowed", size, MaxBody)
	}
	if root := BodyRoot(b.Header.Version, b.Events, b.Batches); root != b.Header.BodyRoot {
		return broken(RuleBodyRoot, "header has body root %v, the body has %v", b.Header.BodyRoot, root)
	}
	return nil
}

func checkBatchTime(p *Params, h *Header, b *Batch) error {
	if limit := BatchTimeLimit(p, h.Time); b.Time > limit {
		return broken(RuleBatchTime, "batch %d of %v: time %d is after %d, the limit in this block", b.Seq, b.Recorder, b.Time, limit)
	}
	return nil
}
