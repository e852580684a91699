package consensus

import (
	"fmt"
	"testing"
)

// benchKeys is the number of recorder keys that the size of a block is made for.
const benchKeys = 1700

// benchState returns a state with that many members, and their keys.
func benchState(b *testing.B) (*State, []member) {
	b.Helper()
	p := testParams()
	p.IdentityStamp, p.BatchStamp = 0, 0
	members := make([]member, benchKeys)
	orgs := make([]*Org, benchKeys)
	for i := range members {
		members[i] = newMember(fmt.Sprint("bench", i))
		e := members[i].enrol(&p)
		orgs[i] = enrolled(&e, 0)
	}
	g, err := NewGenesis(p, members[0].enrol(&p), members[0].recorder)
	if err != nil {
		b.Fatal(err)
	}
	s, err := NewState(g.State().HeaderState(), orgs, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	return s, members
}

// benchBlock returns a block with one batch of two micro-roots per member.
func benchBlock(b *testing.B) (*State, *Block) {
	s, members := benchState(b)
	batches := make([]Batch, len(members))
	for i, m := range members {
		batches[i] = m.batch(s, s.Time()+1)
	}
	return s, solve(draft(s, members[0], nil, batches), members[0])
}

func BenchmarkValidateHeader(b *testing.B) {
	g, alpha := testGenesis(b)
	s := g.State()
	h := solve(draft(s, alpha, nil, nil), alpha).Header
	b.ReportAllocs()
	for b.Loop() {
		if err := ValidateHeader(s.HeaderState(), &h); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "headers/s")
}

// BenchmarkHeaderChain is what catching up with headers alone costs: rules
// and the header state after each.
func BenchmarkHeaderChain(b *testing.B) {
	g, alpha := testGenesis(b)
	s := g.State()
	h := solve(draft(s, alpha, nil, nil), alpha).Header
	for b.Loop() {
		if err := ValidateHeader(s.HeaderState(), &h); err != nil {
			b.Fatal(err)
		}
		s.HeaderState().Next(&h.Header)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "headers/s")
}

func BenchmarkHeaderCodec(b *testing.B) {
	g, _ := testGenesis(b)
	buf := g.Block.Header.Encode()
	b.ReportAllocs()
	for b.Loop() {
		h, err := DecodeSignedHeader(buf)
		if err != nil {
			b.Fatal(err)
		}
		buf = h.Append(buf[:0])
	}
}

func BenchmarkValidateBatches(b *testing.B) {
	s, block := benchBlock(b)
	for _, n := range []int{16, 128, benchKeys} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				for _, err := range ValidateBatches(s, nil, block.Batches[:n]) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "batches/s")
		})
	}
}

func BenchmarkValidateBlock(b *testing.B) {
	s, block := benchBlock(b)
	for b.Loop() {
		if err := ValidateBlock(s, block); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApplyBlock(b *testing.B) {
	s, block := benchBlock(b)
	b.ReportAllocs()
	for b.Loop() {
		ApplyBlock(s, block)
	}
}

func BenchmarkPowHasher(b *testing.B) {
	g, _ := testGenesis(b)
	hasher := NewPowHasher(&g.Block.Header.Header)
	nonce := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		hasher.Hash(nonce)
		nonce++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hashes/s")
}
