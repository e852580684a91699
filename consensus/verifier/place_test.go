package verifier

import (
	"bytes"
	"errors"
	"testing"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/mailstore"
)

func FuzzDecodePlacement(f *testing.F) {
	p := placement{block: chain.Index{Height: 7, ID: consensus.Hash{1}}}
	f.Add(p.encode())
	p.micros = []consensus.MicroRoot{{Root: consensus.Hash{2}, Count: 3}, {Root: consensus.Hash{4}, Count: 65535}}
	f.Add(p.encode())
	f.Add(p.encode()[:50])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePlacement(b)
		if err != nil && !errors.Is(err, mailstore.ErrDamaged) {
			t.Fatalf("%x: not known as damage: %v", b, err)
		}
		if err == nil && !bytes.Equal(p.encode(), b) {
			t.Fatalf("%x is read as what would be written %x", b, p.encode())
		}
	})
}
