package consensus

import "math"

// CheckBatch checks what a batch shows by itself: form, counts, root, stamp
// and signature. It says nothing about who the recorder key belongs to.
func CheckBatch(p *Params, chain ChainID, b *Batch) error {
	if err := checkBatchForm(p, chain, b); err != nil {
		return err
	}
	if !VerifySignature(b.Recorder, b.SigningBytes(), b.Signature) {
		return batchSignatureError(b)
	}
	return nil
}

// ValidateBatches checks batches in the given order, in a block that also holds the given events,
// which are valid: each against s and those before it whose form and place are right. All
// signatures are verified at once. The result has one entry per batch, nil for a valid one; where a
// signature is wrong, later batches of that key count as wrong as well.
func ValidateBatches(s *State, events []OrgEvent, batches []Batch) []error {
	errs := make([]error, len(batches))
	table := s.members.edit(s.Params(), s.Height()+1)
	table.all(events)
	seq := newBatchSequenceOn(s)
	sigs := newSignatures(len(batches))
	queued := make([]int, 0, len(batches))
	for i := range batches {
		b := &batches[i]
		var key *verifyingKey
		if errs[i] = checkBatchForm(s.Params(), s.ChainID(), b); errs[i] != nil {
			continue
		}
		if key, errs[i] = sealer(table.members, b, s.Height()+1); errs[i] != nil {
			continue
		}
		if errs[i] = seq.next(b); errs[i] == nil {
			sigs.addExpanded(key, b.SigningBytes(), b.Signature, batchSignatureError(b))
			queued = append(queued, i)
		}
	}
	forged := make(map[Key]bool)
	wrong := sigs.verify()
	for j, i := range queued {
		if wrong == nil {
			break
		}
		recorder := batches[i].Recorder
		switch {
		case wrong[j] != nil:
			errs[i] = wrong[j]
			forged[recorder] = true
		case forged[recorder]:
			errs[i] = broken(RuleBatchPrev, "batch %d of %v follows one that is not signed by its key", batches[i].Seq, recorder)
		}
	}
	return errs
}

// BatchTimeLimit returns the latest time, in ms since 1970, that a batch in a
// block of the given time may have. Under version 2, where it is a claim, there
// is none.
func BatchTimeLimit(p *Params, blockTime uint64) uint64 {
	if p.Version >= ParamsV2 {
		return math.MaxUint64
	}
	slack := uint64(p.ClockSlack().Milliseconds())
	if blockTime > math.MaxUint64-slack {
		return math.MaxUint64
	}
	return blockTime + slack
}

func batchSignatureError(b *Batch) error {
	return broken(RuleBatchSignature, "batch %d of recorder %v is not signed by it", b.Seq, b.Recorder)
}

// checkBatchForm is CheckBatch without the signature.
func checkBatchForm(p *Params, chain ChainID, b *Batch) error {
	switch {
	case b.Version != p.Version:
		return broken(RuleVersion, "batch of version %d, the network's is %d", b.Version, p.Version)
	case b.Flags != 0:
		return broken(RuleFlags, "batch has flags %#04x, none are defined", b.Flags)
	case b.ChainID != chain:
		return broken(RuleChain, "batch of chain %v, this is %v", b.ChainID, chain)
	case (b.Epoch == 0) != (p.Version < ParamsV2):
		return broken(RuleEpoch, "batch of epoch %d: under version 2 epochs are not 0, under version 1 there are none", b.Epoch)
	case b.Seq == 0:
		return broken(RuleBatchSeq, "batch of %v has number 0, they start at 1", b.Recorder)
	case b.Prev.IsZero() != (b.Seq == 1):
		return broken(RuleBatchPrev, "batch %d of %v follows %v: only the first follows none", b.Seq, b.Recorder, b.Prev)
	case len(b.Micros) == 0 || len(b.Micros) > MaxMicros:
		return broken(RuleMicros, "%d micro-roots, 1 to %d expected", len(b.Micros), MaxMicros)
	}
	for i, m := range b.Micros {
		if m.Count == 0 || m.Count > MaxMicroRecords {
			return broken(RuleMicros, "micro-root %d stands for %d records, 1 to %d expected", i, m.Count, MaxMicroRecords)
		}
	}
	if got := leadingZeroBits(b.ID()); got < int(p.BatchStamp) {
		return broken(RuleBatchStamp, "batch stamp of %d bits, the network demands %d", got, p.BatchStamp)
	}
	if root := MicrosRoot(b.Micros); b.Root != root {
		return broken(RuleBatchRoot, "batch has root %v, its micro-roots have %v", b.Root, root)
	}
	return nil
}
