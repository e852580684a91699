package record_test

import (
	"fmt"
	"testing"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// TestOneComponent proves one component alone, as a reader could to a third party: no secret, no
// other content.
func TestOneComponent(t *testing.T) {
	comps := letterComponents("ann@b.example")
	for version, seal := range versions {
		tok := seal(comps, 3, 8)
		for i, c := range comps {
			salt := record.Salt(version, tok.Secret, c.Type, c.Index)
			leaf := record.CommitTo(c.Type, c.Index, salt, digestIn(version, c))
			root, ok := consensus.VerifyMerklePath(record.Commitment{Type: c.Type, Index: c.Index, C: leaf}.Entry(), i, len(comps), tok.Record.ComponentPath(i))
			if !ok || root != tok.Record.Root() {
				t.Errorf("version %d: %s is not proved", version, c.Type)
			}
			if wrong := record.CommitTo(c.Type, c.Index, salt, digest([]byte("else"))); wrong == leaf {
				t.Errorf("version %d: %s: another content has the same commitment", version, c.Type)
			}
		}
	}
}

// TestCommitmentsAreApart: equal contents have unequal commitments in other types, indices, records
// and versions.
func TestCommitmentsAreApart(t *testing.T) {
	seen := map[consensus.Hash]string{}
	for _, secret := range []record.Secret{{1}, {2}} {
		for _, typ := range []message.Type{message.From, message.To} {
			for index := range uint16(3) {
				for version := range uint8(2) {
					c := record.CommitTo(typ, index, record.Salt(1+version, secret, typ, index), digest([]byte("x")))
					name := fmt.Sprint(secret[0], typ, index, 1+version)
					if other, ok := seen[c]; ok {
						t.Errorf("%s and %s share a commitment", name, other)
					}
					seen[c] = name
				}
			}
		}
	}
}

// TestLeavesAreApart: each field of a record is in its leaf, so that none can pose as another.
func TestLeavesAreApart(t *testing.T) {
	base := sealed(letterComponents("ann@b.example"), 0, 1).Record
	seen := map[consensus.Hash]string{base.Leaf(): "as it is"}
	for name, change := range map[string]func(*record.Record){
		"version 1":    func(r *record.Record) { r.Version = 1 },
		"a document":   func(r *record.Record) { r.Kind = record.KindDocument },
		"a receipt":    func(r *record.Record) { r.Kind = record.KindReceipt },
		"time":         func(r *record.Record) { r.Time++ },
		"epoch":        func(r *record.Record) { r.Epoch++ },
		"commitments":  func(r *record.Record) { r.Commitments = r.Commitments[1:] },
		"tags":         func(r *record.Record) { r.Tags = r.Tags[1:] },
		"no tags":      func(r *record.Record) { r.Tags = nil },
		"swapped tags": func(r *record.Record) { r.Tags = []record.Tag{r.Tags[1], r.Tags[0], r.Tags[2]} },
	} {
		r := base
		change(&r)
		if other, ok := seen[r.Leaf()]; ok {
			t.Errorf("%s: the same leaf as %s", name, other)
		}
		seen[r.Leaf()] = name
	}
}
