package consensus

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

// memberCounts are the sizes of tables that are measured.
var memberCounts = []int{10, 1000, 10_000}

// benchTable is a state of version 2 with so many members of two nodes, each with a series of
// batches, a hundred blocks after genesis. Nothing in it is signed: what is measured takes that as
// checked.
type benchTable struct {
	state *State
	orgs  []*Org
	chain ChainID
}

func newBenchTable(b *testing.B, members int) *benchTable {
	b.Helper()
	d := rand.NewChaCha8([32]byte{1})
	t := &benchTable{}
	var tips []SeriesTip
	for i := range members {
		o := &Org{
			ID: Hash(random32(d)), Name: fmt.Sprint("org ", i), Domains: []string{fmt.Sprintf("d%d.example", i), fmt.Sprintf("e%d.example", i)},
			Key: Key(random32(d)), Version: ParamsV2, Recovery: RecoveryCommitment(Key{byte(i), byte(i >> 8)}), LastEvent: Hash(random32(d)),
		}
		for range 2 {
			recorder := PublicKey(testKey(fmt.Sprint("table ", i, len(o.Nodes))))
			o.Nodes = append(o.Nodes, OrgNode{NodeKeys: NodeKeys{Node: Key(random32(d)), Recorder: recorder}})
		}
		t.orgs = append(t.orgs, o)
		tips = append(tips, SeriesTip{Series{o.Nodes[0].Recorder, 1}, BatchTip{Seq: 1, ID: Hash(random32(d)), Height: 1, Opened: 1, Number: uint32(i)}})
	}
	w := emptyChanging(b)
	hs := w.state.HeaderState()
	for hs.Height() < 100 {
		hs = hs.Next(&Header{Height: hs.Height() + 1, Time: hs.Time() + 1, Bits: hs.NextBits()})
	}
	var err error
	if t.state, err = NewState(hs, t.orgs, nil, tips); err != nil {
		b.Fatal(err)
	}
	t.chain = t.state.ChainID()
	return t
}

func random32(d *rand.ChaCha8) (r [32]byte) {
	for i := 0; i < len(r); i += 8 {
		binary.BigEndian.PutUint64(r[i:], d.Uint64())
	}
	return r
}

// event is one of that type of the i-th organisation, or an enrolment that is one more.
func (t *benchTable) event(what EventType, i int) OrgEvent {
	o, fresh := t.orgs[i], Key{0: byte(i), 1: byte(i >> 8), 31: 1}
	e := OrgEvent{Version: ParamsV2, ChainID: t.chain, Subject: o.ID, Prev: o.LastEvent, Signer: o.Key}
	switch what {
	case EventEnrol:
		e.Subject, e.Prev, e.Signer = Hash{}, Hash{}, fresh
		e.Content = &Enrol{Name: "another", Domains: []string{fmt.Sprintf("f%d.example", i)}, OrgKey: fresh,
			Nodes: []NodeKeys{{Node: fresh, Recorder: PublicKey(testKey(fmt.Sprint("fresh", i)))}}}
	case EventUpdate:
		e.Content = &Update{Name: o.Name, Domains: []string{fmt.Sprintf("f%d.example", i)}}
	case EventAddNode:
		e.Content = &AddNode{NodeKeys{Node: fresh, Recorder: PublicKey(testKey(fmt.Sprint("fresh", i)))}}
	case EventDropNode:
		e.Content = &DropNode{o.Nodes[0].Node}
	case EventReplace:
		e.Signer, e.Content = o.Nodes[0].Node, &Replace{Recorder: PublicKey(testKey(fmt.Sprint("fresh", i)))}
	case EventRotate:
		e.Content = &Rotate{Key: fresh}
	case EventRevoke:
		e.Signer, e.Prev = Key{byte(i), byte(i >> 8)}, Hash{}
		e.Content = &Revoke{Key: fresh, Recovery: Hash{1}}
	case EventSuspend:
		one := Batch{Recorder: o.Nodes[0].Recorder, Version: ParamsV2}
		e.Prev, e.Content = Hash{}, &Suspend{First: one.Head(), Second: one.Head()}
	}
	return e
}

// batches are one each of so many series.
func (t *benchTable) batches(n int) []Batch {
	list := make([]Batch, n)
	for i := range list {
		o := t.orgs[i*len(t.orgs)/n]
		list[i] = Batch{Version: ParamsV2, Recorder: o.Nodes[0].Recorder, Epoch: 1, Seq: 2}
	}
	return list
}

func (t *benchTable) block(events []OrgEvent, batches []Batch) *Block {
	s := t.state
	return &Block{Header: SignedHeader{Header: Header{Height: s.Height() + 1, Time: s.Time() + 1, Bits: s.NextBits()}}, Events: events, Batches: batches}
}

// measure reports the median beside the mean, which says little while others use the machine.
func measure(b *testing.B, do func(i int)) {
	b.ReportAllocs()
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		do(i)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "µs-median/op")
}

var eventTypesInOrder = []EventType{EventEnrol, EventUpdate, EventAddNode, EventDropNode, EventReplace, EventRotate, EventRevoke, EventSuspend}

// BenchmarkApplyEvent is what a block with one event costs, signatures apart: the state after it,
// and its root.
func BenchmarkApplyEvent(b *testing.B) {
	for _, members := range memberCounts {
		t := newBenchTable(b, members)
		for _, what := range eventTypesInOrder {
			blocks := make([]*Block, min(members, 200))
			for i := range blocks {
				blocks[i] = t.block([]OrgEvent{t.event(what, i*members/len(blocks))}, nil)
			}
			b.Run(fmt.Sprintf("%d/%v", members, what), func(b *testing.B) {
				measure(b, func(i int) {
					if _, undo := ApplyBlock(t.state, blocks[i%len(blocks)]); len(undo.Formers) != 1 {
						b.Fatal("the event was passed over")
					}
				})
			})
		}
	}
}

// BenchmarkRevertEvent is what taking a block with one event back costs.
func BenchmarkRevertEvent(b *testing.B) {
	for _, members := range memberCounts {
		t := newBenchTable(b, members)
		for _, what := range []EventType{EventEnrol, EventUpdate} {
			next, undo := ApplyBlock(t.state, t.block([]OrgEvent{t.event(what, members/2)}, nil))
			b.Run(fmt.Sprintf("%d/%v", members, what), func(b *testing.B) {
				measure(b, func(int) { RevertBlock(next, undo) })
			})
		}
	}
}

// BenchmarkApplyBatches is what the batches of a block cost, each of another recorder, signatures
// apart.
func BenchmarkApplyBatches(b *testing.B) {
	for _, members := range memberCounts {
		t := newBenchTable(b, members)
		for _, n := range []int{10, 64, 1700} {
			if n > members {
				continue
			}
			block := t.block(nil, t.batches(n))
			b.Run(fmt.Sprintf("%d/%d", members, n), func(b *testing.B) {
				measure(b, func(int) { ApplyBlock(t.state, block) })
			})
		}
	}
}

// BenchmarkNewState is what a node that starts pays for the state that it has stored.
func BenchmarkNewState(b *testing.B) {
	t := newBenchTable(b, 10_000)
	tips := t.state.BatchTips()
	measure(b, func(int) { NewState(t.state.hs, t.orgs, nil, tips) })
}

// BenchmarkKeptStates reports the memory that a state takes beside the one before it, with one
// event between them and the batches of 64 recorders. Use -benchtime 1000x.
func BenchmarkKeptStates(b *testing.B) {
	for _, what := range []EventType{EventEnrol, EventUpdate} {
		b.Run(fmt.Sprint(what), func(b *testing.B) {
			t := newBenchTable(b, 10_000)
			var kept []*State
			before := heapInUse()
			for b.Loop() {
				i := len(kept)
				next, _ := ApplyBlock(t.state, t.block([]OrgEvent{t.event(what, i%len(t.orgs))}, t.batches(64)))
				kept = append(kept, next)
				t.state = next
			}
			b.ReportMetric(float64(heapInUse()-before)/float64(len(kept)), "B-kept/state")
			runtime.KeepAlive(kept)
		})
	}
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
