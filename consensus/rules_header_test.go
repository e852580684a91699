package consensus

var headerCases = []ruleCase{
	{"unknown version", RuleVersion, inHeader(func(h *Header) { h.Version = 2 })},
	{"a flag", RuleFlags, inHeader(func(h *Header) { h.Flags = 1 })},
	{"header of another network", RuleChain, inHeader(func(h *Header) { h.ChainID++ })},
	{"height skipped", RuleHeight, inHeader(func(h *Header) { h.Height++ })},
	{"height repeated", RuleHeight, inHeader(func(h *Header) { h.Height-- })},
	{"another parent", RulePrev, inHeader(func(h *Header) { h.Prev[31] ^= 1 })},
	{"harder bits", RuleBits, inHeader(func(h *Header) { h.Bits = 0x207ffffe })},
	{"hash above the target", RulePow, afterSigning(func(f *ruleFixture, b *Block) {
		target, _ := TargetFromBits(b.Header.Bits)
		for hasher := NewPowHasher(&b.Header.Header); target.Met(hasher.Hash(b.Header.Nonce)); {
			b.Header.Nonce++
		}
		b.Header = SignHeader(b.Header.Header, f.beta.recorder)
	})},
	{"time of the median", RuleTimeTooOld, func(f *ruleFixture) error {
		return f.block(nil, func(h *Header) { h.Time = f.state.MedianTime() }, nil)
	}},
	{"just after the median", "", func(f *ruleFixture) error {
		return f.block(nil, func(h *Header) { h.Time = f.state.MedianTime() + 1 }, nil)
	}},
	{"miner is no member", RuleUnknownMiner, func(f *ruleFixture) error {
		return f.validate(&f.grownChain, solve(draft(f.state, f.gamma, nil, nil), f.gamma))
	}},
	{"miner enrols in the same block", RuleUnknownMiner, func(f *ruleFixture) error {
		events, batches := f.body()
		return f.validate(&f.grownChain, solve(draft(f.state, f.gamma, events, batches), f.gamma))
	}},
	{"signature of another member", RuleHeaderSignature, afterSigning(func(f *ruleFixture, b *Block) {
		b.Header = SignHeader(b.Header.Header, f.alpha.recorder)
	})},
	{"signature for another purpose", RuleHeaderSignature, afterSigning(func(f *ruleFixture, b *Block) {
		id := b.ID()
		b.Header.Signature = sign(f.beta.recorder, signingBytes(purposeBatch, b.Header.ChainID, id[:]))
	})},
	{"signature for another chain", RuleHeaderSignature, afterSigning(func(f *ruleFixture, b *Block) {
		id := b.ID()
		b.Header.Signature = sign(f.beta.recorder, signingBytes(purposeHeader, b.Header.ChainID+1, id[:]))
	})},
	{"wrong body root", RuleBodyRoot, inHeader(func(h *Header) { h.BodyRoot[0] ^= 1 })},
	{"wrong state root", RuleStateRoot, inHeader(func(h *Header) { h.StateRoot[0] ^= 1 })},
	{"state root before the events", RuleStateRoot, func(f *ruleFixture) error {
		return f.block(nil, func(h *Header) { h.StateRoot = StateRootAfter(f.state, nil, nil) }, nil)
	}},
}

var bodyCases = []ruleCase{
	{"batch left out", RuleBodyRoot, afterSigning(func(f *ruleFixture, b *Block) { b.Batches = b.Batches[:2] })},
	{"event left out", RuleBodyRoot, afterSigning(func(f *ruleFixture, b *Block) { b.Events = nil })},
	{"batches swapped", RuleBodyRoot, afterSigning(func(f *ruleFixture, b *Block) {
		b.Batches[0], b.Batches[1] = b.Batches[1], b.Batches[0]
	})},
	{"more than 512 KiB", RuleBodySize, inBody(func(f *ruleFixture, b *Block) {
		for b.BodySize() <= MaxBody {
			big := b.Batches[0]
			big.Micros = make([]MicroRoot, MaxMicros)
			b.Batches = append(b.Batches, big)
		}
	})},
	{"second round before the first ends", RuleBatchOrder, inBody(func(f *ruleFixture, b *Block) {
		b.Batches[1], b.Batches[2] = b.Batches[2], b.Batches[1]
	})},
	{"nine batches of one key", RuleBatchCount, inBody(func(f *ruleFixture, b *Block) { b.Batches = f.run(MaxBatchesPerKey + 1) })},
	{"eight batches of one key", "", inBody(func(f *ruleFixture, b *Block) { b.Batches = f.run(MaxBatchesPerKey) })},
	{"batch of a member of the same block", "", inBody(func(f *ruleFixture, b *Block) {
		b.Batches = append(b.Batches[:0:0], f.gamma.batch(f.state, f.state.Time()+5))
	})},
	{"empty body", "", inBody(func(f *ruleFixture, b *Block) { b.Events, b.Batches = nil, nil })},
}

// run returns n consecutive batches of alpha.
func (f *ruleFixture) run(n int) []Batch {
	tip, _ := f.state.BatchTip(Series{Recorder: f.alpha.key()})
	var batches []Batch
	for i := range n {
		b := f.alpha.batchAfter(f.state, tip, f.state.Time()+uint64(i)+1)
		batches, tip = append(batches, b), b.tip()
	}
	return batches
}
