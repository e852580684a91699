package consensus

var batchCases = []ruleCase{
	{"unknown batch version", RuleVersion, inBatch(nil, func(f *ruleFixture, b *Batch) { b.Version = 2; reseal(f, b) })},
	{"flag on a batch", RuleFlags, inBatch(func(f *ruleFixture, b *Batch) { b.Flags = 0x8000 }, nil)},
	{"batch of another network", RuleChain, inBatch(func(f *ruleFixture, b *Batch) { b.ChainID++ }, nil)},
	{"recorder is no member", RuleUnknownRecorder, func(f *ruleFixture) error {
		b := f.gamma.batch(f.state, f.state.Time()+1)
		return agree(ValidateBatches(f.state, nil, []Batch{b})[0],
			f.block(func(block *Block) { block.Events, block.Batches = nil, []Batch{b} }, nil, nil))
	}},
	{"number 0", RuleBatchSeq, inBatch(func(f *ruleFixture, b *Batch) { b.Seq = 0 }, nil)},
	{"number skipped", RuleBatchSeq, inBatch(func(f *ruleFixture, b *Batch) { b.Seq++ }, nil)},
	{"number repeated", RuleBatchSeq, inBatch(func(f *ruleFixture, b *Batch) { b.Seq, b.Prev = 1, Hash{} }, nil)},
	{"follows another", RuleBatchPrev, inBatch(func(f *ruleFixture, b *Batch) { b.Prev[0] ^= 1 }, nil)},
	{"second follows none", RuleBatchPrev, inBatch(func(f *ruleFixture, b *Batch) { b.Prev = Hash{} }, nil)},
	{"first follows one", RuleBatchPrev, func(f *ruleFixture) error {
		b := f.gamma.batchAfter(f.state, BatchTip{ID: Hash{1}}, f.state.Time()+1)
		inBlock := f.block(func(block *Block) { block.Batches = []Batch{b} }, nil, nil) // which enrols gamma
		return agree(inBlock, CheckBatch(f.state.Params(), f.state.ChainID(), &b))
	}},
	{"time of the one before", RuleBatchTime, inBatch(func(f *ruleFixture, b *Batch) {
		tip, _ := f.state.BatchTip(Series{Recorder: b.Recorder})
		b.Time = tip.Time
	}, nil)},
	{"time after the block", RuleBatchTime, inBody(func(f *ruleFixture, b *Block) {
		b.Batches = []Batch{f.alpha.batch(f.state, f.state.Time()+1000+2001)}
	})},
	{"time at the limit", "", inBody(func(f *ruleFixture, b *Block) {
		b.Batches = []Batch{f.alpha.batch(f.state, f.state.Time()+1000+2000)}
	})},
	{"no micro-roots", RuleMicros, inBatch(func(f *ruleFixture, b *Batch) { b.Micros = nil }, nil)},
	{"65 micro-roots", RuleMicros, inBatch(func(f *ruleFixture, b *Batch) { b.Micros = manyMicros(MaxMicros + 1) }, nil)},
	{"64 micro-roots", "", inBatch(func(f *ruleFixture, b *Batch) { b.Micros = manyMicros(MaxMicros) }, nil)},
	{"micro-batch without records", RuleMicros, inBatch(func(f *ruleFixture, b *Batch) { b.Micros[1].Count = 0 }, nil)},
	{"1,025 records in a micro-batch", RuleMicros, inBatch(func(f *ruleFixture, b *Batch) { b.Micros[1].Count = 1025 }, nil)},
	{"1,024 records in a micro-batch", "", inBatch(func(f *ruleFixture, b *Batch) { b.Micros[1].Count = 1024 }, nil)},
	{"root of other micro-roots", RuleBatchRoot, inBatch(nil, func(f *ruleFixture, b *Batch) {
		b.Micros[0].Root[0] ^= 1
		reseal(f, b)
	})},
	{"counts moved between micro-roots", RuleBatchRoot, inBatch(nil, func(f *ruleFixture, b *Batch) {
		b.Micros[0].Count, b.Micros[1].Count = b.Micros[1].Count, b.Micros[0].Count
	})},
	{"too little work for a batch", RuleBatchStamp, inBatch(nil, func(f *ruleFixture, b *Batch) {
		for leadingZeroBits(b.ID()) >= int(f.state.Params().BatchStamp) {
			b.Stamp++
		}
		b.Signature = sign(f.alpha.recorder, b.SigningBytes())
	})},
	{"batch signed by another member", RuleBatchSignature, inBatch(nil, func(f *ruleFixture, b *Batch) {
		b.Signature = sign(f.beta.recorder, b.SigningBytes())
	})},
	{"batch signed for another purpose", RuleBatchSignature, inBatch(nil, func(f *ruleFixture, b *Batch) {
		id := b.ID()
		b.Signature = sign(f.alpha.recorder, signingBytes(purposeHeader, b.ChainID, id[:]))
	})},
}

func manyMicros(n int) []MicroRoot {
	micros := make([]MicroRoot, n)
	for i := range micros {
		micros[i] = MicroRoot{Root: LeafHash([]byte{byte(i)}), Count: uint16(i + 1)}
	}
	return micros
}
