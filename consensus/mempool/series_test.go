package mempool

import (
	"context"
	"errors"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

// newWorldV2 is a chain of members of a network in which recorder keys have epochs.
func newWorldV2(orgs int) *world {
	w := &world{net: chaintest.NewWith(chaintest.ParamsV2(), orgs)}
	_, w.s = w.net.Chain(w.net.Genesis.State(), 2)
	w.now = time.UnixMilli(int64(w.s.Time())).Add(time.Second)
	return w
}

// series returns count batches that follow what the state has of that series.
func (w *world) series(by int, epoch uint64, count int, tag byte) []consensus.Batch {
	return seriesAfter(w.s, w.net.Orgs[by].Recorder, epoch, count, tag)
}

// A key that opens one epoch after another has no more in the pool, nor in a block, than one that
// does not.
func TestEpochFlood(t *testing.T) {
	w := newWorldV2(2)
	p := New(DefaultPolicy(), nil)
	for epoch := uint64(1); epoch <= 50; epoch++ {
		b := w.series(0, epoch, 1, 0)[0]
		switch err := p.AddBatch(w.s, &b, w.now); {
		case epoch <= 2 && err != nil:
			t.Fatalf("epoch %d: %v", epoch, err)
		case epoch > 2 && policy(err) != PolicyEpochs:
			t.Fatalf("epoch %d: %v, want %s", epoch, err, PolicyEpochs)
		}
	}
	mustTake(t, p, w, w.series(1, 9, 3, 0)...)
	block := w.mine(t, p)
	if n := len(block.Batches); n != 4 || block.Batches[1].Recorder != w.net.Orgs[1].RecorderKey() {
		t.Fatalf("%d batches in the block; want one epoch opened and three of the other key in its rounds", n)
	}
	p.Advance(w.s, nil, []*consensus.Block{block})
	if block := w.mine(t, p); len(block.Batches) != 0 {
		t.Fatal("the second epoch was opened in the block after the first")
	}
	third := w.series(0, 3, 1, 0)[0]
	mustTake(t, p, w, third)
	for w.s.Height()+1 < w.s.EpochFrom(third.Recorder) {
		p.Advance(w.s, nil, []*consensus.Block{w.mine(t, p)})
	}
	if block := w.mine(t, p); len(block.Batches) != 1 || block.Batches[0].Epoch != 2 {
		t.Fatalf("%d batches in the first block that may open another epoch, want that of epoch 2", len(block.Batches))
	}
}

// The limit of a key is for all its series together, and what the chain takes sooner has
// precedence.
func TestLimitOverSeries(t *testing.T) {
	w := newWorldV2(1)
	p := New(DefaultPolicy(), nil)
	one, two := w.series(0, 1, 8, 0), w.series(0, 2, 8, 0)
	mustTake(t, p, w, one[1:]...) // the first is missing
	mustTake(t, p, w, two[0])
	if got := p.Stats(); got.Batches != 8 || got.Keys != 1 {
		t.Fatalf("stats %+v, want 8 batches of one key", got)
	}
	if err := p.AddBatch(w.s, &two[7], w.now); !errors.Is(err, ErrTooFar) {
		t.Fatalf("the ninth of the key, as far ahead as the last: %v, want ErrTooFar", err)
	}
	mustTake(t, p, w, one[0])
	if got := p.Stats(); got.Batches != 8 || p.byID[one[7].ID()] != nil || got.Evicted != 1 {
		t.Fatalf("stats %+v; want the eighth of the first epoch to give way to its first", got)
	}
	mustTake(t, p, w, two[1])
	if p.byID[one[6].ID()] != nil {
		t.Fatal("the seventh did not give way to a second")
	}
	block := w.mine(t, p)
	if len(block.Batches) != 2 || block.Batches[0].Epoch != 2 {
		t.Fatalf("%d batches in the block, want the two of the epoch whose first came first", len(block.Batches))
	}
}

// A series whose first batch never came does not keep the key from opening another.
func TestSeriesWithoutFirstGivesWay(t *testing.T) {
	w := newWorldV2(1)
	p := New(DefaultPolicy(), nil)
	mustTake(t, p, w, w.series(0, 1, 3, 0)[1:]...)
	mustTake(t, p, w, w.series(0, 2, 2, 0)...)
	late := w.series(0, 3, 2, 0)
	if err := p.AddBatch(w.s, &late[1], w.now); policy(err) != PolicyEpochs {
		t.Fatalf("a third series without its first: %v, want %s", err, PolicyEpochs)
	}
	mustTake(t, p, w, late[0])
	k := p.byKey[late[0].Recorder]
	if len(k.series) != 2 || k.series[1] != nil || k.count != 3 {
		t.Fatalf("%d series, %d batches; want the first series gone", len(k.series), k.count)
	}
}

// The heaviest organisation loses the last batch of the key of which it has most, however these are
// spread over epochs.
func TestEvictionOverSeries(t *testing.T) {
	w := newWorldV2(2)
	greedy := append(w.series(0, 1, 3, 0), w.series(0, 2, 4, 0)...)
	limits := DefaultPolicy()
	limits.MaxBytes = 8 * (greedy[0].Size() + entryCost)
	p := New(limits, nil)
	mustTake(t, p, w, greedy...)
	mustTake(t, p, w, w.series(1, 1, 3, 0)...)
	for i := range greedy {
		if got, want := p.byID[greedy[i].ID()] != nil, i < 5; got != want {
			t.Errorf("batch %d of epoch %d in the pool: %v, want %v", greedy[i].Seq, greedy[i].Epoch, got, want)
		}
	}
	if got := p.Stats(); got.Bytes > limits.MaxBytes || got.Evicted != 2 || got.Batches != 8 {
		t.Fatalf("stats %+v; want two of the greedy one's evicted", got)
	}
}

// Two signed batches with one number are kept as evidence, whatever else is in the pool, until
// their key has ended; one key of an organisation at a time.
func TestEvidenceBecomesASuspension(t *testing.T) {
	w := newWorldV2(3)
	limits := DefaultPolicy()
	first, second := w.series(1, 1, 1, 0)[0], w.series(1, 1, 1, 1)[0]
	limits.MaxBytes = first.Size() + entryCost
	p := New(limits, nil)
	mustTake(t, p, w, first)
	forged := second
	forged.Signature[3] ^= 1
	if err := p.AddBatch(w.s, &forged, w.now); rule(err) != consensus.RuleBatchSignature {
		t.Fatalf("a forgery: %v", err)
	}
	mustTake(t, p, w, second)
	third := w.series(1, 1, 1, 2)[0]
	for _, c := range []struct {
		batch *consensus.Batch
		ok    func(error) bool
	}{
		{&first, func(err error) bool { return errors.Is(err, ErrKnown) }},
		{&second, func(err error) bool { return errors.Is(err, ErrKnown) }},
		{&third, func(err error) bool { return policy(err) == PolicyConflict }},
	} {
		if err := p.AddBatch(w.s, c.batch, w.now); !c.ok(err) {
			t.Fatal(err)
		}
	}
	if got := p.Batches(); len(got) != 2 {
		t.Fatalf("%d batches for peers, want both", len(got))
	}
	short := func(id consensus.Hash) uint64 { return uint64(id[31]) | uint64(id[30])<<8 }
	if got := p.Match(short, []uint64{short(second.ID())}); len(got) != 1 {
		t.Fatal("a block with the second is not put together")
	}
	m := w.open(t)
	suspended := make(chan *consensus.OrgEvent, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Accuse(ctx, m, func(e *consensus.OrgEvent) { suspended <- e }) }()
	select {
	case e := <-suspended:
		if e.Type() != consensus.EventSuspend || e.Org() != w.net.Orgs[1].ID() {
			t.Fatalf("an event of type %v of organisation %v", e.Type(), e.Org())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the evidence was not made use of")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	block := w.mine(t, p) // valid: the key's batch is not in it
	if len(block.Events) != 1 || len(block.Batches) != 0 {
		t.Fatalf("%d events and %d batches in the block, want the suspension alone", len(block.Events), len(block.Batches))
	}
	p.Advance(w.s, nil, []*consensus.Block{block})
	if got := p.Stats(); got.Evidence != 0 || got.Batches != 0 || got.Events != 0 {
		t.Fatalf("left over: %+v", got)
	}
	if err := p.AddBatch(w.s, &first, w.now); rule(err) != consensus.RuleUnknownRecorder {
		t.Fatalf("a batch of a suspended key: %v", err)
	}
}
