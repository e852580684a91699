package record_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"cairn/consensus/record"
)

// TestProvenAgrees: what is remembered of a right signature vouches for nothing else, and what was
// wrong stays so when it comes again.
func TestProvenAgrees(t *testing.T) {
	comps := letterComponents("ann@b.example")
	for version, seal := range versions {
		tok := seal(comps, 5, 9)
		encoded := tok.Encode()
		var p record.Proven
		for _, when := range []string{"at first", "when it comes again"} {
			if !p.VerifySignature(tok, tok.MicroRoot()) {
				t.Fatalf("version %d: a right signature is refused %s", version, when)
			}
		}
		for i := range encoded {
			for bit := range 8 {
				bad := bytes.Clone(encoded)
				bad[i] ^= 1 << bit
				decoded, err := record.DecodeToken(bad)
				if err != nil {
					continue
				}
				want := decoded.VerifySignature()
				for range 2 {
					if got := p.VerifySignature(decoded, decoded.MicroRoot()); got != want {
						t.Fatalf("version %d, bit %d of byte %d: %v, without a memory %v", version, bit, i, got, want)
					}
				}
			}
		}
	}
}

// TestProvenIsBounded floods it with right signatures, from several at a time, and wrong ones.
func TestProvenIsBounded(t *testing.T) {
	var p record.Proven
	comps := letterComponents("ann@b.example")[:1]
	wrong := sealed(comps, 0, 1)
	wrong.Signature[0] ^= 1
	if p.VerifySignature(wrong, wrong.MicroRoot()) || p.Len() != 0 {
		t.Fatalf("a wrong signature is taken, or one of %d that are remembered", p.Len())
	}
	const senders = 4
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			for n := range (2*record.MaxProven + 100) / senders {
				tok := sealed(comps, sender, senders)
				tok.Record.Time += uint64(n * senders)
				tok = place(tok.Record, sender, senders)
				if !p.VerifySignature(tok, tok.MicroRoot()) {
					t.Error("a right signature is refused")
				}
			}
		})
	}
	all.Wait()
	if n := p.Len(); n < record.MaxProven || n > 2*record.MaxProven {
		t.Errorf("%d signatures are remembered, at most %d should be", n, 2*record.MaxProven)
	}
}

// BenchmarkProven is a signature that other records share, checked anew and remembered.
func BenchmarkProven(b *testing.B) {
	tok := sealed(letterComponents("ann@b.example"), 1000, 1024)
	root := tok.MicroRoot()
	for _, memory := range []bool{false, true} {
		b.Run(fmt.Sprintf("memory=%v", memory), func(b *testing.B) {
			b.ReportAllocs()
			p := new(record.Proven)
			for b.Loop() {
				if !memory {
					p = new(record.Proven)
				}
				if !p.VerifySignature(tok, root) {
					b.Fatal("a right signature is refused")
				}
			}
		})
	}
}
