package miner

import (
	"errors"
	"testing"
	"time"

	"cairn/consensus"
	"cairn/consensus/chain/chaintest"
)

func start(orgs int) (*chaintest.Network, *consensus.State, time.Time) {
	net := chaintest.New(orgs)
	_, s := net.Chain(net.Genesis.State(), 3)
	return net, s, time.UnixMilli(int64(s.Time())).Add(time.Second)
}

// finish solves and signs b as a Miner does, and validates it.
func finish(t *testing.T, net *chaintest.Network, s *consensus.State, b *consensus.Block) {
	t.Helper()
	if !newSolver(1).solve(t.Context(), &b.Header.Header) {
		t.Fatal("not solved")
	}
	b.Header = consensus.SignHeader(b.Header.Header, net.Orgs[0].Recorder)
	if err := consensus.ValidateBlock(s, b); err != nil {
		t.Fatalf("the template is not valid: %v", err)
	}
}

func TestTemplateDropsWhatIsInvalid(t *testing.T) {
	net, s, now := start(3)
	a, b := net.Batches(s, 0, 4, "a"), net.Batches(s, 1, 9, "b")
	forged := a[2]
	forged.Signature[0] ^= 1
	late := net.Batches(s, 2, 1, "c")[0]
	late.Time = uint64(now.Add(time.Hour).UnixMilli())
	late.Seal(nil, &net.Genesis.Params, net.Orgs[2].Recorder)
	stranger := chaintest.New(5)
	unknown := stranger.Batches(stranger.Genesis.State(), 4, 1, "d")[0]

	for _, c := range []struct {
		name    string
		batches []consensus.Batch
		want    int
	}{
		{"nothing", nil, 0},
		{"all good", []consensus.Batch{a[0], b[0], a[1], b[1]}, 4},
		{"out of rounds", []consensus.Batch{a[0], a[1], b[0], a[2]}, 3},
		{"forged, with what follows", []consensus.Batch{a[0], b[0], a[1], forged, a[3]}, 3},
		{"gap", []consensus.Batch{a[1], b[0]}, 1},
		{"twice", []consensus.Batch{a[0], a[0], b[0]}, 2},
		{"closed too late", []consensus.Batch{late, b[0]}, 1},
		{"of no member", []consensus.Batch{unknown, b[0]}, 1},
		{"nine of a key", b, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			block, err := Template(s, nil, c.batches, net.Orgs[0].RecorderKey(), now)
			if err != nil {
				t.Fatal(err)
			}
			if len(block.Batches) != c.want {
				t.Errorf("%d batches, want %d", len(block.Batches), c.want)
			}
			finish(t, net, s, block)
		})
	}
}

func TestTemplateWithEvents(t *testing.T) {
	net := chaintest.New(3)
	s, now := net.Genesis.State(), chaintest.GenesisTime.Add(time.Second)
	forged := net.Orgs[2].Event
	forged.Signature[0] ^= 1
	events := []consensus.OrgEvent{net.Orgs[0].Event, net.Orgs[1].Event, forged, net.Orgs[1].Event}
	block, err := Template(s, events, net.Batches(s, 1, 1, "x"), net.Orgs[0].RecorderKey(), now)
	if err != nil {
		t.Fatal(err)
	}
	if len(block.Events) != 1 || block.Events[0].ID() != net.Orgs[1].ID() || len(block.Batches) != 1 {
		t.Errorf("%d events and %d batches, want the second member's enrolment and batch", len(block.Events), len(block.Batches))
	}
	finish(t, net, s, block)
	if _, err := Template(s, nil, nil, net.Orgs[1].RecorderKey(), now); !errors.Is(err, ErrNotMember) {
		t.Errorf("miner that is no member: %v, want ErrNotMember", err)
	}
}

// With a clock that lags behind, the time is just after the median.
func TestTemplateTime(t *testing.T) {
	net, s, now := start(1)
	for _, c := range []struct {
		now  time.Time
		want uint64
	}{
		{now, uint64(now.UnixMilli())},
		{chaintest.GenesisTime.AddDate(-1, 0, 0), s.MedianTime() + 1},
		{time.Time{}, s.MedianTime() + 1},
	} {
		b, err := Template(s, nil, nil, net.Orgs[0].RecorderKey(), c.now)
		if err != nil {
			t.Fatal(err)
		}
		if b.Header.Time != c.want {
			t.Errorf("now %v: time %d, want %d", c.now, b.Header.Time, c.want)
		}
		finish(t, net, s, b)
	}
}

func TestTemplateKeepsToSize(t *testing.T) {
	net, s, now := start(30)
	var batches []consensus.Batch
	for round := range consensus.MaxBatchesPerKey {
		for by := range net.Orgs {
			b := net.Batches(s, by, 1, "x")[0]
			b.Micros = make([]consensus.MicroRoot, consensus.MaxMicros)
			for i := range b.Micros {
				b.Micros[i].Count = 1
			}
			b.Seq += uint64(round)
			b.Time += uint64(round)
			if round > 0 {
				b.Prev = batches[(round-1)*len(net.Orgs)+by].ID()
			}
			b.Seal(nil, &net.Genesis.Params, net.Orgs[by].Recorder)
			batches = append(batches, b)
		}
	}
	b, err := Template(s, nil, batches, net.Orgs[0].RecorderKey(), now)
	if err != nil {
		t.Fatal(err)
	}
	if free := consensus.MaxBody - b.BodySize(); free < 0 || free >= consensus.MaxBatchSize {
		t.Errorf("%d bytes left", free)
	}
	finish(t, net, s, b)
}
