package mempool

import (
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/chain/chaintest"
)

// world is a chain of three members, without a store.
type world struct {
	net *chaintest.Network
	s   *consensus.State
	now time.Time
}

func newWorld(orgs int) *world {
	w := &world{net: chaintest.New(orgs)}
	_, w.s = w.net.Chain(w.net.Genesis.State(), 2)
	w.now = time.UnixMilli(int64(w.s.Time())).Add(time.Second)
	return w
}

// mine makes a valid block of what the pool selects, and applies it.
func (w *world) mine(t *testing.T, p *Pool) *consensus.Block {
	t.Helper()
	events, batches := p.Select(w.s, w.now)
	b := w.net.Mine(w.s, 0, chaintest.Body{Events: events, Batches: batches, Time: w.now})
	if err := consensus.ValidateBlock(w.s, b); err != nil {
		t.Fatalf("what Select returns makes a bad block: %v", err)
	}
	w.s, _ = consensus.ApplyBlock(w.s, b)
	w.now = w.now.Add(time.Second)
	return b
}

// open returns a store that has the world's chain.
func (w *world) open(t *testing.T) *chain.Manager {
	t.Helper()
	db, err := chain.OpenDB(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	m, err := chain.Open(db, w.net.Genesis, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	blocks, _ := w.net.Chain(m.State(), 2)
	for _, b := range blocks {
		if _, err := m.AddBlock(b, w.now); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func mustTake(t *testing.T, p *Pool, w *world, batches ...consensus.Batch) {
	t.Helper()
	for i := range batches {
		if err := p.AddBatch(w.s, &batches[i], w.now); err != nil {
			t.Fatalf("batch %d: %v", batches[i].Seq, err)
		}
	}
}

func rule(err error) string {
	var broken *consensus.RuleError
	if errors.As(err, &broken) {
		return broken.Rule
	}
	return ""
}

func policy(err error) string {
	var p *PolicyError
	if errors.As(err, &p) {
		return p.Policy
	}
	return ""
}

func TestAddBatchErrors(t *testing.T) {
	w := newWorld(2)
	p := New(DefaultPolicy(), nil)
	in := w.net.Batches(w.s, 0, 9, "a")
	other := w.net.Batches(w.s, 0, 3, "b") // the same numbers, another content
	mustTake(t, p, w, in[0], in[1])

	forged := in[2]
	forged.Signature[5] ^= 1
	unstamped := in[2]
	for unstamped.Stamp++; unstamped.ID()[0] < 0x80; unstamped.Stamp++ {
	}
	late := w.net.Batches(w.s, 1, 1, "late")[0]
	late.Time = uint64(w.now.Add(w.s.Params().ClockSlack() + time.Millisecond).UnixMilli())
	late.Seal(nil, w.s.Params(), w.net.Orgs[1].Recorder)
	stranger := chaintest.New(3).Orgs[2]
	unknown := consensus.Batch{ChainID: w.s.ChainID(), Seq: 1, Time: 1, Micros: in[0].Micros}
	unknown.Seal(nil, w.s.Params(), stranger.Recorder)
	unchained := in[2]
	unchained.Prev = other[1].ID()
	unchained.Seal(nil, w.s.Params(), w.net.Orgs[0].Recorder)

	for _, c := range []struct {
		name  string
		batch consensus.Batch
		ok    func(error) bool
	}{
		{"in the pool", in[0], func(err error) bool { return errors.Is(err, ErrKnown) }},
		{"ninth number", in[8], func(err error) bool { return errors.Is(err, ErrTooFar) }},
		{"forged", forged, func(err error) bool { return rule(err) == consensus.RuleBatchSignature }},
		{"forged again", forged, func(err error) bool { return rule(err) == consensus.RuleBatchSignature }},
		{"without stamp", unstamped, func(err error) bool { return rule(err) == consensus.RuleBatchStamp }},
		{"closed in the future", late, func(err error) bool { return errors.Is(err, consensus.ErrFuture) }},
		{"unknown key", unknown, func(err error) bool { return rule(err) == consensus.RuleUnknownRecorder }},
		{"number taken", other[0], func(err error) bool { return policy(err) == PolicyConflict }},
		{"follows another", unchained, func(err error) bool { return policy(err) == PolicyConflict }},
	} {
		if err := p.AddBatch(w.s, &c.batch, w.now); !c.ok(err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if got := p.Stats(); got.Rejected != 2 || got.Batches != 2 {
		t.Errorf("stats %+v; want 2 batches and 2 rejected (the second forgery is remembered)", got)
	}
	mustTake(t, p, w, in[2]) // the forgeries had its id

	w.mine(t, p)
	p.Advance(w.s, nil, nil)
	for _, c := range []struct {
		name  string
		batch consensus.Batch
		ok    func(error) bool
	}{
		{"last in the chain", in[2], func(err error) bool { return errors.Is(err, ErrKnown) }},
		{"number in the chain", other[1], func(err error) bool { return policy(err) == PolicyOldSeq }},
		{"ninth number now", in[8], func(err error) bool { return err == nil }},
	} {
		if err := p.AddBatch(w.s, &c.batch, w.now); !c.ok(err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	wrongPrev := w.net.Batches(w.s, 0, 1, "c")[0]
	wrongPrev.Prev = other[2].ID()
	wrongPrev.Seal(nil, w.s.Params(), w.net.Orgs[0].Recorder)
	if err := p.AddBatch(w.s, &wrongPrev, w.now); rule(err) != consensus.RuleBatchPrev {
		t.Errorf("next number after another batch than the chain's: %v", err)
	}
}

// Batches of a key that come in any order are mined in theirs, at most 8 a
// block, in rounds over all keys.
func TestOutOfOrder(t *testing.T) {
	w := newWorld(2)
	p := New(DefaultPolicy(), nil)
	a, b := w.net.Batches(w.s, 0, 8, "a"), w.net.Batches(w.s, 1, 2, "b")
	for _, i := range []int{7, 3, 1, 2} {
		mustTake(t, p, w, a[i])
	}
	if _, got := p.Select(w.s, w.now); len(got) != 0 {
		t.Fatalf("%d batches selected although the first is missing", len(got))
	}
	mustTake(t, p, w, a[0], b[1], b[0])
	block := w.mine(t, p)
	var got []uint64
	for i := range block.Batches {
		got = append(got, block.Batches[i].Seq)
	}
	if want := []uint64{1, 1, 2, 2, 3, 4}; !slices.Equal(got, want) {
		t.Fatalf("numbers %v in the block, want %v", got, want)
	}
	p.Advance(w.s, nil, []*consensus.Block{block})
	mustTake(t, p, w, a[4:7]...)
	if block := w.mine(t, p); len(block.Batches) != 4 {
		t.Fatalf("%d batches in the second block, want 5 to 8", len(block.Batches))
	}
	p.Advance(w.s, nil, nil)
	if got := p.Stats(); got.Batches != 0 || got.Bytes != 0 || got.Keys != 0 || len(p.orgBytes) != 0 {
		t.Fatalf("left over: %+v", got)
	}
}

// What a reorganisation takes off the chain comes back, all of it, and can be
// mined on the other branch.
func TestReorganisationReturnsBatches(t *testing.T) {
	w := newWorld(2)
	fork := *w
	p := New(DefaultPolicy(), nil)
	var reverted []*consensus.Block
	total := 0
	for range 3 {
		batches := w.net.Batches(w.s, 1, 8, "x")
		mustTake(t, p, w, batches...)
		total += len(batches)
		b := w.mine(t, p)
		reverted = append([]*consensus.Block{b}, reverted...)
		p.Advance(w.s, nil, []*consensus.Block{b})
	}
	other := fork.net.Mine(fork.s, 0, chaintest.Body{Batches: fork.net.Batches(fork.s, 0, 1, "y")})
	fork.s, _ = consensus.ApplyBlock(fork.s, other)
	p.Advance(fork.s, reverted, []*consensus.Block{other})
	if got := p.Stats().Batches; got != total {
		t.Fatalf("%d batches came back, want %d", got, total)
	}
	for mined := 0; mined < total; {
		b := fork.mine(t, p)
		if len(b.Batches) == 0 {
			t.Fatalf("%d of %d batches mined again", mined, total)
		}
		mined += len(b.Batches)
		p.Advance(fork.s, nil, []*consensus.Block{b})
	}
	was, _ := w.s.BatchTip(consensus.Series{Recorder: w.net.Orgs[1].RecorderKey()})
	is, _ := fork.s.BatchTip(consensus.Series{Recorder: w.net.Orgs[1].RecorderKey()})
	if was.ID != is.ID {
		t.Fatal("the other branch ends with another batch")
	}
}

// On the other branch a key may have gone another way: what builds on the
// abandoned one can never be mined and goes.
func TestContradictedBatchesGo(t *testing.T) {
	w := newWorld(2)
	p := New(DefaultPolicy(), nil)
	mustTake(t, p, w, w.net.Batches(w.s, 1, 4, "x")...)
	other := w.net.Mine(w.s, 0, chaintest.Body{Batches: w.net.Batches(w.s, 1, 1, "y")})
	w.s, _ = consensus.ApplyBlock(w.s, other)
	p.Advance(w.s, nil, []*consensus.Block{other})
	if got := p.Stats(); got.Batches != 0 {
		t.Fatalf("left over: %+v", got)
	}
}

// With the pool full, the organisation with most bytes gives way, its last
// batch first.
func TestEviction(t *testing.T) {
	w := newWorld(2)
	greedy, modest := w.net.Batches(w.s, 0, 8, "a"), w.net.Batches(w.s, 1, 3, "b")
	limits := DefaultPolicy()
	limits.MaxBytes = 8 * (greedy[0].Size() + entryCost)
	p := New(limits, nil)
	mustTake(t, p, w, greedy...)
	mustTake(t, p, w, modest...)
	got := p.Stats()
	if got.Bytes > limits.MaxBytes || got.Evicted != 3 || p.byID[greedy[7].ID()] != nil || p.byID[greedy[4].ID()] == nil {
		t.Fatalf("stats %+v; want the greedy one's last three evicted", got)
	}
	if err := p.AddBatch(w.s, &greedy[5], w.now); policy(err) != PolicyFull {
		t.Fatalf("greedy one again: %v, want %s", err, PolicyFull)
	}
}

func TestRejectsAreBounded(t *testing.T) {
	r := rejects{max: 3}
	why := errors.New("bad")
	for i := range 10 {
		r.add(consensus.Hash{byte(i)}, why)
	}
	if len(r.why) != 3 || len(r.order) != 3 {
		t.Fatalf("%d and %d remembered, want 3", len(r.why), len(r.order))
	}
	if r.get(consensus.Hash{9}) == nil || r.get(consensus.Hash{7}) == nil || r.get(consensus.Hash{6}) != nil {
		t.Fatal("the latest are not the ones remembered")
	}
}

// A block holds no more than MaxBody, however much waits.
func TestSelectKeepsToSize(t *testing.T) {
	const orgs, each = 30, consensus.MaxBatchesPerKey
	w := newWorld(orgs)
	p := New(DefaultPolicy(), nil)
	for by := range orgs {
		batches := w.net.Batches(w.s, by, each, "x")
		for i := range batches { // as large as can be
			b := &batches[i]
			b.Micros = make([]consensus.MicroRoot, consensus.MaxMicros)
			for j := range b.Micros {
				b.Micros[j].Count = 1
			}
			if i > 0 {
				b.Prev = batches[i-1].ID()
			}
			b.Seal(nil, w.s.Params(), w.net.Orgs[by].Recorder)
		}
		mustTake(t, p, w, batches...)
	}
	first := w.mine(t, p)
	if free := consensus.MaxBody - first.BodySize(); free < 0 || free >= consensus.MaxBatchSize {
		t.Fatalf("%d bytes left in the block", free)
	}
	p.Advance(w.s, nil, []*consensus.Block{first})
	second := w.mine(t, p)
	if got := len(first.Batches) + len(second.Batches); got != orgs*each {
		t.Fatalf("%d batches in two blocks, want %d", got, orgs*each)
	}
}

func TestMatch(t *testing.T) {
	w := newWorld(2)
	p := New(DefaultPolicy(), nil)
	batches := w.net.Batches(w.s, 0, 4, "x")
	mustTake(t, p, w, batches...)
	short := func(id consensus.Hash) uint64 {
		switch id {
		case batches[0].ID():
			return 10
		case batches[1].ID():
			return 11
		default:
			return 12 // two of them
		}
	}
	got := p.Match(short, []uint64{11, 12, 13})
	if len(got) != 1 || got[11] == nil || got[11].Seq != 2 {
		t.Fatalf("matched %v, want number 2 alone", got)
	}
}

// An organisation may be enrolled by another event than the one that waited
// here when its first batches came. All batches of a key still count for one
// organisation, so that the pool finds what to evict.
func TestEvictionAfterAnotherEnrolment(t *testing.T) {
	net := chaintest.New(2)
	w := &world{net: net, s: net.Genesis.State(), now: chaintest.GenesisTime.Add(time.Second)}
	batches := net.Batches(w.s, 1, 8, "x")
	limits := DefaultPolicy()
	limits.MaxBytes = 4 * (batches[0].Size() + entryCost)
	p := New(limits, nil)
	if err := p.AddEvent(w.s, &net.Orgs[1].Event, w.now); err != nil {
		t.Fatal(err)
	}
	mustTake(t, p, w, batches[0])
	other := net.Orgs[1].Enrolment()
	other.Enrol().Name += ", renamed"
	other.Sign(net.Orgs[1].Key)
	b := net.Mine(w.s, 0, chaintest.Body{Events: []consensus.OrgEvent{other}})
	w.s, _ = consensus.ApplyBlock(w.s, b)
	p.Advance(w.s, nil, []*consensus.Block{b})
	mustTake(t, p, w, batches[1:4]...)
	for i := range batches[4:] {
		if err := p.AddBatch(w.s, &batches[4+i], w.now); policy(err) != PolicyFull {
			t.Fatalf("batch %d: %v, want %s", batches[4+i].Seq, err, PolicyFull)
		}
	}
	if got := p.Stats(); got.Batches != 4 || len(p.orgBytes) != 1 {
		t.Fatalf("stats %+v and %d organisations; want the first four batches, of one", got, len(p.orgBytes))
	}
}
